"""Typeset what the compute core was measured at, beside its targets."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from moe_core.figures.compute import machine, measured
from moe_core.figures.typeset import escape, table
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

PRECISIONS = ("fp32", "bf16")
# what is measured, the most (or the least) it should be in each precision
LAYER_TARGETS = {8: (1.06, 1.12), 64: (1.25, 1.40)}
MODEL_TARGET = 1.12
ORIGINAL_TARGETS = (2.3, 3.5)
PACK_TARGETS = (0.85, 0.70)
MEMORY_TARGET = 1.3
SHARE_TARGET = 0.03


def row(
    what: str, targets: str, values: Callable[[str], list[float]], places: int = 2, suffix: str = ""
) -> str:
    """A line: values of each precision, several where shapes differ."""
    cells = [
        ", ".join(f"{value:.{places}f}{suffix}" for value in values(precision)) or "--"
        for precision in PRECISIONS
    ]
    return " & ".join([what, targets, *cells])


def lines(path: Path) -> list[str]:
    """The rows of the table."""
    layers, memory = measured(path, "layer"), measured(path, "memory")
    packing, growth = measured(path, "pack"), measured(path, "growth")
    models, shares = measured(path, "model"), measured(path, "evaluation")

    def ratios(rows: pd.DataFrame, experts: int) -> Callable[[str], list[float]]:
        ours = rows[rows.name.eq("ours, auto") & rows.experts.eq(experts)].sort_values("top_k")
        return lambda precision: ours[ours.precision == precision].ratio_to_dense.tolist()

    def over_best_peer(precision: str) -> list[float]:
        rows = layers[layers.precision == precision]
        peers = rows[~rows.name.str.startswith(("ours", "dense"))]
        best = peers.groupby(["experts", "top_k"]).ratio_to_dense.min()
        ours = rows[rows.name == "ours, auto"].groupby(["experts", "top_k"]).ratio_to_dense.min()
        return (ours / best).tolist()

    def growth_exponent(precision: str) -> list[float]:
        rows = growth[growth.precision == precision]
        first, last = rows.iloc[0], rows.iloc[-1]
        octaves = math.log(last.experts / first.experts)
        return [math.log(last.routing_ms / first.routing_ms) / octaves]

    def pack_shares(precision: str) -> list[float]:
        rows = packing[packing.name.eq("ours") & packing.precision.eq(precision)]
        largest = rows[rows.tokens == rows.tokens.max()].sort_values("top_k")
        return (100 * largest.share).tolist()

    def of_model(column: str) -> Callable[[str], list[float]]:
        if column not in models:
            return lambda _: []
        softk = models[models.name == "softk"]
        return lambda precision: softk[softk.precision == precision][column].tolist()

    def of_scale(precision: str) -> list[float]:
        spent = 100 * (shares.evaluation_share + shares.batch_share)
        return spent.tolist() if precision == "fp32" else []

    percent = r"\,\%"
    result = [
        row(
            rf"layer / dense layer, $E={experts}$, $K=1,2$",
            rf"$\leq$ {most[0]:.2f}, {most[1]:.2f}",
            ratios(layers, experts),
        )
        for experts, most in LAYER_TARGETS.items()
    ]
    result += [
        row(r"layer / fastest peer, $(E,K)$ in turn", "$<$ 1", over_best_peer),
        row(
            "training step / dense model's",
            rf"$\leq$ {MODEL_TARGET:.2f}",
            of_model("ratio_to_dense"),
        ),
        row(
            "tokens/s / the original's, in torch's defaults",
            rf"$\geq$ {ORIGINAL_TARGETS[0]}, {ORIGINAL_TARGETS[1]}",
            of_model("speed_over_original"),
        ),
        row(
            "tokens/s / the original's, in our settings",
            "--",
            of_model("speed_over_original_tuned"),
        ),
        row(
            "pack and combine / memcpy, $K=1,2,4$",
            rf"$\geq$ {100 * PACK_TARGETS[0]:.0f}{percent}, {100 * PACK_TARGETS[1]:.0f}{percent}",
            pack_shares,
            places=0,
            suffix=percent,
        ),
        row("exponent of routing cost in $E$, 8 to 256", "$<$ 1", growth_exponent),
    ]
    result += [
        row(
            rf"peak memory / dense layer's, $E={experts}$, $K=1,2$",
            rf"$\leq$ {MEMORY_TARGET}",
            ratios(memory, experts),
        )
        for experts in LAYER_TARGETS
    ]
    scales = ", ".join(rf"\texttt{{{name}}}" for name in shares.name)
    result.append(
        row(
            f"evaluation and loading / training time: {scales}",
            rf"$\leq$ {100 * SHARE_TARGET:.0f}{percent}",
            of_scale,
            places=1,
            suffix=percent,
        )
    )
    return result


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    caption = rf"""The compute core against its targets, of one run of
    \texttt{{benchmarks/compute.py}} on {escape(machine(given.table))}: medians of interleaved
    repeats. Dense: a plain feed-forward layer, or model, of equal active FLOPs. Two targets:
    fp32, bf16."""
    head = "Measured & Target & fp32 & bf16"
    write_atomic(
        given.out, table(caption, "tab:compute", "llll", head, lines(given.table), "table*")
    )


if __name__ == "__main__":
    run(main)
