"""One row a run: configuration, quality, routing, cost and speed; then a row for each n-gram.

A run that failed has its configuration and the reason, and no measures.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from moe_core import failures
from moe_core.errors import StudyError
from moe_core.figures.order import CONTROLS
from moe_core.model.config import MoEConfig
from moe_core.model.flops import cost
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from moe_core.routing.slots import random_drop_law, slots_per_expert
from moe_core.runs import RunSpec, cell_name, dense_width
from workflow_scripts.columns import MEASURES
from workflow_scripts.command import parser, path_argument, run

SPEED = ("tokens_per_s", "mfu", "matmul_peak_flops", "shape")


def run_row(summary: dict, timed: dict) -> dict[str, object]:
    """The row of one trained run and the timing of its shape, empty where it is not timed."""
    spec = RunSpec.model_validate(summary["spec"])
    model, training, test = spec.model, spec.training, summary["test"] or {}
    failed, moe = summary["failure"], model.moe
    strategy = moe.strategy if moe else "dense"
    declared = registry.declaration(strategy) if moe else {}
    label = declared.get("label", CONTROLS["dense"])
    rates = timed.get("tokens_per_s_repeats")
    counted = cost(
        model, summary["vocab_size"], training.seq_len, test.get("assignments_per_token", 1.0)
    )
    return {
        "cell": cell_name(spec),
        "strategy": strategy,
        "label": f"{label} + shared" if moe and moe.shared_hidden else label,
        "causal": declared.get("causal", True),  # the configuration admits causal drops alone
        "control": declared.get("control", True),
        **{
            key: getattr(moe, key) if moe else None
            for key in (
                "router",
                "num_experts",
                "top_k",
                "capacity_factor",
                "drop_policy",
                "shared_hidden",
                "jitter",
                "bias_rate",
            )
        },
        "ffn_hidden": model.ffn_hidden,
        "dense_width": dense_width(model),
        "dim": model.dim,
        "layers": model.layers,
        "tokens": spec.tokens,
        "switch_coef": training.switch_coef if moe else None,
        "balance_sequences": training.balance_sequences if moe else None,
        "learning_rate": training.learning_rate,
        "steps": training.steps,
        "seed": spec.seed,
        "status": summary["status"],
        "failure": failures.reason(summary),
        "failed_at_step": failed["step"] if failed else None,
        "warnings": "; ".join(summary["warnings"]),
        "loss_nats": test.get("loss"),
        "bits_per_byte": test.get("bits_per_byte"),
        "leak_premium": test.get("leak_premium"),
        **{key: test.get(key) for key in MEASURES},
        "drop_rate_excess": drop_excess(test, moe, training.seq_len, declared)
        if moe and test
        else None,
        "params_total": counted.params_total,
        "train_flops_per_token": counted.train_flops_per_token if test else None,
        **{key: timed.get(key) for key in SPEED},
        "tokens_per_s_min": min(rates) if rates else None,
        "tokens_per_s_max": max(rates) if rates else None,
        "run": summary["run"],
        "code": summary["code"],
        "tokens_sha256": summary["tokens_sha256"]["train"],
        "commit": summary["environment"]["commit"],
        "dirty": summary["environment"]["dirty"],
        "torch": summary["environment"]["packages"]["torch"],
        "device_name": summary["process"]["device_name"],
        "test_stories": test.get("stories"),
        "test_bytes": test.get("bytes"),
    }


def drop_excess(test: dict, moe: MoEConfig, seq_len: int, declared: dict) -> float | None:
    """Drop rate less what uniformly random choices would drop in groups of one sequence.

    None where nothing can be dropped, and where the group is another.
    """
    unlimited = moe.drop_policy == "none" or declared["fills_capacity"] or declared["steers_k"]
    if unlimited or declared["group"] == "batch":
        return None
    top_k = 1 if declared["sequential"] else moe.top_k  # one after another: each has its capacity
    slots = slots_per_expert(moe.capacity_factor, top_k, seq_len, moe.num_experts)
    return test["drop_rate"] - random_drop_law(slots, seq_len, top_k, moe.num_experts)


def learning(curves: dict[int, pd.DataFrame], rows: pd.DataFrame) -> pd.DataFrame:
    """Of each finished run: final validation, saturation half-way, steps to a common target.

    curves: metrics of the finished runs, by their row. The target is, by seed, text and width, what
    the narrowest dense model reads on validation stories half-way through its training: none where
    that run failed. Between evaluations steps are interpolated linearly; a run that is there by its
    first evaluation counts that one's step, one that never is counts none. Saturation is that of
    the evaluation nearest the half.
    """
    targets = {}
    dense = rows[rows.strategy.eq("dense")].sort_values("ffn_hidden", ascending=False)
    for index, row in dense.iterrows():  # the narrowest comes last
        curve = curves.get(index)
        targets[row.tokens, row.dim, row.seed] = (
            np.nan if curve is None else np.interp(row.steps / 2, curve.step, curve.bits_per_byte)
        )
    steps, halfway = [], []
    for index, frame in curves.items():
        row = rows.loc[index]
        target = targets.get((row.tokens, row.dim, row.seed), np.nan)
        best = frame.bits_per_byte.cummin()
        # np.interp wants rising abscissae: a falling loss, negated
        steps.append(np.interp(-target, -best, frame.step, right=np.nan))
        middle = frame.loc[(frame.step - row.steps / 2).abs().idxmin()]
        is_last = middle.step == frame.step.iloc[-1]
        halfway.append(np.nan if is_last else middle.get("router_saturation", np.nan))
    return pd.DataFrame(
        {
            "valid_bits_per_byte": [frame.bits_per_byte.iloc[-1] for frame in curves.values()],
            "steps_to_target": steps,
            "router_saturation_halfway": halfway,
        },
        index=list(curves),
    )


def same_machine(timings: list[dict]) -> None:
    """Refuse to set rates side by side that were taken on different machines or threads."""
    settings = {json.dumps(timed["process"], sort_keys=True) for timed in timings}
    if len(settings) > 1:
        raise StudyError(
            "throughput",
            f"timed under {len(settings)} settings: {'; '.join(sorted(settings))}",
            "delete results/throughput and run again with one number of --cores",
        )


def ngram_row(ngram: dict, tokens: str) -> dict[str, object]:
    """The row of the control that is not a neural network."""
    test = ngram["test"]
    return {
        "cell": f"ngram{ngram['order']}",
        "strategy": "ngram",
        "label": f"{ngram['order']}-gram",
        "causal": True,
        "control": True,
        "tokens": tokens,
        "status": "finished",
        "bits_per_byte": test["bits_per_byte"],
        "perplexity": test["perplexity"],
        "loss_nats": test["loss"],
        "commit": ngram["environment"]["commit"],
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--shape-of", type=json.loads, required=True, help="run id: shape id")
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="summary.json files")
    arguments.add_argument("--throughput", type=Path, nargs="*", required=True)
    arguments.add_argument("--ngram", type=Path, nargs="+", required=True)
    path_argument(arguments, "out")
    given = arguments.parse_args()
    timings = [json.loads(path.read_text()) for path in given.throughput]
    same_machine(timings)
    timing_of = {timed["shape"]: timed for timed in timings}
    summaries = [json.loads(path.read_text()) for path in given.runs]
    rows = pd.DataFrame(
        [run_row(s, timing_of.get(given.shape_of.get(s["run"]), {})) for s in summaries]
    )
    curves = {
        index: pd.read_json(given.runs[index].with_name("metrics.jsonl"), lines=True)
        for index in rows.index[rows.status.eq("finished")]
    }
    controls = [ngram_row(json.loads(path.read_text()), path.stem) for path in given.ngram]
    table = pd.concat([rows.join(learning(curves, rows)), pd.DataFrame(controls)])
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
