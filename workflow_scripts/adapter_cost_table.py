"""Typeset what a step of each method of adaptation costs: time, tokens/s and memory."""

import json

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

MIB = 2**20


def line(row: dict) -> str:
    """One method."""
    cells = [
        escape(row["label"]),
        f"{row['ms']:.1f}",
        typeset(row["tokens_per_s"], "count"),
        typeset(row["step_over_full"], "ratio"),
        typeset(row["step_over_lora"], "ratio"),
        typeset(row["optimiser_bytes"] / MIB, "count"),
        typeset(row["step_peak_bytes"] / MIB, "count"),
        typeset(row["params_trainable"], "count"),
    ]
    return " & ".join(cells)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    measured = json.loads(given.table.read_text())
    settings, rows = measured["settings"], measured["methods"].values()
    caption = rf"""A training step of each method on {settings["layers"]} layers of the shape of
    OLMoE-1B-7B on one {escape(measured["process"]["device_name"])}, torch
    {escape(measured["packages"]["torch"])}: {settings["batch"]} sequences of
    {settings["sequence"]} tokens, rank {settings["rank"]}, {settings["adapters"]} adapters of which
    PERFT-R chooses {settings["top_k"]}; medians of interleaved steps. Moments: of AdamW. Peak:
    activations and gradients of a step. Full fine-tuning keeps its weights in fp32, the others
    theirs in bf16. Memory in MiB."""
    head = r"Method & ms & tokens/s & over full & over LoRA & moments & peak & trained"
    write_atomic(given.out, table(caption, "tab:adapter-cost", "lrrrrrrr", head, map(line, rows)))


if __name__ == "__main__":
    run(main)
