"""One row a run: configuration, quality, routing, cost and speed; then a row for the n-gram."""

import json
from pathlib import Path

import pandas as pd

from moe_core.errors import StudyError
from moe_core.figures.style import CONTROLS
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from moe_core.runs import RunSpec, dense_width, model_slug
from workflow_scripts.command import parser, path_argument, run

ROUTING = (
    "drop_rate",
    "token_drop_rate",
    "load_cv",
    "max_vio",
    "dead_experts",
    "router_entropy_nats",
    "switch_loss",
    "z_loss",
)


def run_row(summary: dict, timed: dict) -> dict[str, object]:
    """The row of one trained run and the timing of its shape."""
    spec = RunSpec.model_validate(summary["spec"])
    moe, test = spec.model.moe, summary["test"]
    strategy = moe.strategy if moe else "dense"
    declared = registry.declaration(strategy) if moe else {"causal": True}
    rates = timed["tokens_per_s_repeats"]
    return {
        "cell": model_slug(spec.model),
        "strategy": strategy,
        "label": declared.get("label", CONTROLS["dense"]),
        "causal": declared["causal"],  # the configuration admits causal drop policies alone
        "drop_policy": moe.drop_policy if moe else None,
        "num_experts": moe.num_experts if moe else None,
        "top_k": moe.top_k if moe else None,
        "capacity_factor": moe.capacity_factor if moe else None,
        "ffn_hidden": spec.model.ffn_hidden,
        "dense_width": dense_width(spec.model),
        "seed": spec.seed,
        "bits_per_byte": test["bits_per_byte"],
        "perplexity": test["perplexity"],
        "loss_nats": test["loss"],
        "bits_per_byte_at_capacity": test.get("bits_per_byte_at_capacity"),
        **{key: test.get(key) for key in ROUTING},
        "params_total": timed["params_total"],
        "params_active": timed["params_active"],
        "train_flops_per_token": timed["train_flops_per_token"],
        "tokens_per_s": timed["tokens_per_s"],
        "tokens_per_s_min": min(rates),
        "tokens_per_s_max": max(rates),
        "mfu": timed["mfu"],
        "run": summary["run"],
        "shape": timed["shape"],
        "code": summary["code"],
        "commit": summary["environment"]["commit"],
        "dirty": summary["environment"]["dirty"],
        "torch": summary["environment"]["packages"]["torch"],
        "device_name": summary["process"]["device_name"],
        "test_stories": test["stories"],
        "test_bytes": test["bytes"],
    }


def same_machine(timings: list[dict]) -> None:
    """Refuse to set rates side by side that were taken on different machines or threads."""
    settings = {json.dumps(timed["process"], sort_keys=True) for timed in timings}
    if len(settings) > 1:
        raise StudyError(
            "throughput",
            f"timed under {len(settings)} settings: {'; '.join(sorted(settings))}",
            "delete results/throughput and run again with one number of --cores",
        )


def ngram_row(ngram: dict) -> dict[str, object]:
    """The row of the control that is not a neural network."""
    test = ngram["test"]
    return {
        "cell": f"ngram{ngram['order']}",
        "strategy": "ngram",
        "label": f"{ngram['order']}-gram",
        "causal": True,
        "bits_per_byte": test["bits_per_byte"],
        "perplexity": test["perplexity"],
        "loss_nats": test["loss"],
        "commit": ngram["environment"]["commit"],
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--shape-of", type=json.loads, required=True, help="run id: shape id")
    arguments.add_argument("--runs", type=Path, nargs="+", required=True)
    arguments.add_argument("--throughput", type=Path, nargs="+", required=True)
    path_argument(arguments, "ngram", "out")
    given = arguments.parse_args()
    timings = [json.loads(path.read_text()) for path in given.throughput]
    same_machine(timings)
    timing_of = {timed["shape"]: timed for timed in timings}
    summaries = [json.loads(path.read_text()) for path in given.runs]
    rows = [run_row(s, timing_of[given.shape_of[s["run"]]]) for s in summaries]
    rows.append(ngram_row(json.loads(given.ngram.read_text())))
    write_atomic(given.out, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    run(main)
