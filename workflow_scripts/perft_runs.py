"""One row a run of adapters: what they are, quality, routing, parameters; failed ones too."""

import json
from pathlib import Path

import pandas as pd

from moe_core import failures
from moe_core.adapters.labels import LABELS
from moe_core.provenance import write_atomic
from moe_core.runs import AdapterSpec, cell_name
from workflow_scripts.command import parser, path_argument, run

MEASURES = (
    "bits_per_byte",
    "accuracy",
    "chance_accuracy",
    "bits_per_byte_base",
    "accuracy_base",
    "bits_per_byte_at_capacity",
    "drop_rate",
    "token_drop_rate",
    "load_cv",
    "max_vio",
    "gini",
    "dead_experts",
    "coactivation_max",
    "router_entropy_nats",
    "marginal_entropy_nats",
    "top1_margin",
    "params_trainable",
    "params_trainable_active",
    "params_base",
    "params_base_active",
    "share_cut",
    "stories",
    "bytes",
)


def run_row(summary: dict, matched: dict[str, list[str]]) -> dict[str, object]:
    """The row of one run."""
    spec = AdapterSpec.model_validate(summary["spec"])
    adapter, test, failed = spec.adapter, summary["test"] or {}, summary["failure"]
    name = summary["run"]
    return {
        "cell": cell_name(spec),
        "strategy": adapter.peft_type,
        "label": LABELS[adapter.peft_type],
        "rank": adapter.r,
        "lora_alpha": adapter.lora_alpha,
        "num_adapters": adapter.num_adapters,
        "top_k": adapter.routing.top_k if adapter.routing else None,
        "adapter_strategy": adapter.routing.strategy if adapter.routing else None,
        **{f"matched_{budget}": name in runs for budget, runs in matched.items()},
        "task": spec.task,
        "base": spec.base.name,
        "learning_rate": spec.training.learning_rate,
        "steps": spec.training.steps,
        "seed": spec.seed,
        "status": summary["status"],
        "failure": failures.reason(summary),
        "failed_at_step": failed["step"] if failed else None,
        "warnings": "; ".join(summary["warnings"]),
        **{key: test.get(key) for key in MEASURES},
        "run": name,
        "code": summary["code"],
        "commit": summary["environment"]["commit"],
        "device_name": summary["process"]["device_name"],
    }


def last_valid(metrics: Path) -> float | None:
    """Bits per byte, or per answer, of the last evaluation on valid; None if there was none."""
    rows = metrics.read_text().splitlines()
    return json.loads(rows[-1])["bits_per_byte"] if rows else None


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="summary.json files")
    arguments.add_argument("--matched", type=json.loads, required=True, help="budget: run ids")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    rows = [
        run_row(json.loads(path.read_text()), given.matched)
        | {"valid_bits_per_byte": last_valid(path.with_name("metrics.jsonl"))}
        for path in given.runs
    ]
    write_atomic(given.out, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    run(main)
