"""One row an image run: what it is, quality, routing, cost of a forward pass; failed ones too."""

import json
from pathlib import Path

import pandas as pd

from moe_core import failures
from moe_core.image_arms import twins
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from moe_core.runs import ImageSpec, cell_name, gate_losses
from moe_core.vision.config import CnnConfig, ImageModelConfig, ImageShape, ResNetConfig
from moe_core.vision.flops import image_cost
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.perft_runs import last_valid

LABELS = {"dense": "dense", "resnet18": "ResNet-18", "soft_moe": "Soft MoE"}
MEASURES = (
    "accuracy",
    "accuracy_train_mode",
    "bits_per_byte",
    "leak_premium",
    "load_cv",
    "load_cv_causal",
    "max_vio",
    "gini",
    "dead_experts",
    "drop_rate",
    "assignments_per_token",
    "assignments_per_token_causal",
    "router_entropy_nats",
    "marginal_entropy_nats",
    "top1_margin",
)


def strategy_of(model: ImageModelConfig) -> str:
    """Its name in the registry, or ``soft_moe``, ``dense``, ``resnet18``."""
    if isinstance(model, ResNetConfig):
        return model.kind
    return model.moe.strategy if model.moe else "dense"


def label_of(model: ImageModelConfig) -> str:
    """The name in figures and tables; where every expert runs on every image, a dense mixture."""
    name = strategy_of(model)
    if name in LABELS:
        return LABELS[name]
    assert isinstance(model, CnnConfig)
    assert model.moe is not None
    if model.moe.top_k == model.moe.num_experts:
        return "dense mixture"
    return str(registry.declaration(name)["label"])


def balance_of(spec: ImageSpec) -> tuple[str | None, float | None]:
    """What evens out load, with its weight; None where nothing is routed.

    The step of the bias, or of a loss of the gate its weight; else what the strategy declares,
    ``rule`` or ``own``.
    """
    for moe in spec.all_routing():
        declared, found = registry.declaration(moe.strategy), gate_losses(spec.training)
        if moe.bias_rate:
            return "bias", moe.bias_rate
        if declared["balanced_by"] != "switch":
            found.pop("switch", None)
        if found:
            return "+".join(found), max(found.values())
        own = declared["balanced_by"] in ("rule", "own")
        return declared["balanced_by"] if own else "none", 0.0
    return None, None


def stages(channels: list[int]) -> str:
    """``16x32``."""
    return "x".join(map(str, channels))


def architecture(model: ImageModelConfig, shape: ImageShape) -> dict[str, object]:
    """Experts and widths; its dense twins, none of a ResNet."""
    if isinstance(model, ResNetConfig):
        return {"channels": str(model.width)}
    own, moe = twins(model, shape), model.moe
    return {
        "num_experts": moe.num_experts if moe else None,
        "top_k": moe.top_k if moe else None,
        "channels": stages(model.channels),
        "dense_channels": stages(own.of_flops),
        "dense_channels_of_size": stages(own.of_size),
    }


def run_row(summary: dict) -> dict[str, object]:
    """The row of one run."""
    spec = ImageSpec.model_validate(summary["spec"])
    model, training, test = spec.model, spec.training, summary["test"] or {}
    failed, strategy = summary["failure"], strategy_of(spec.model)
    declared = registry.declaration(strategy) if spec.all_routing() else {}
    balance, weight = balance_of(spec)
    # as accuracy is, by the rule for an image alone
    cost = image_cost(model, spec.shape, test.get("assignments_per_token_causal", 1.0))
    loads = test.get("expert_load")
    row = {
        "run": summary["run"],
        "cell": cell_name(spec),
        "strategy": strategy,
        "label": label_of(model),
        "images": spec.images,
        **dict.fromkeys(("num_experts", "top_k")),
        "balance": balance,
        "balance_weight": weight,
        **dict.fromkeys(("channels", "dense_channels", "dense_channels_of_size")),
        "control": declared.get("control", strategy in ("dense", "resnet18")),
        "seed": spec.seed,
        "status": summary["status"],
        "failure": failures.reason(summary),
        "failed_at_step": failed["step"] if failed else None,
        "warnings": "; ".join(summary["warnings"]),
        "loss_nats": test.get("loss"),
        **{key: test.get(key) for key in MEASURES},
        "expert_load": " ".join(map(repr, loads)) if loads else None,
        "params_total": cost.params_total,
        "params_active": cost.params_active if test else None,
        "flops_active": cost.flops_active if test else None,
        "flops_total": cost.flops_total,
        "steps": training.steps,
        "learning_rate": training.learning_rate,
        "code": summary["code"],
        "commit": summary["environment"]["commit"],
        "device_name": summary["process"]["device_name"],
        "test_images": test.get("stories"),
    }
    return row | architecture(model, spec.shape)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="summary.json files")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    rows = [
        run_row(json.loads(path.read_text()))
        | {"valid_bits_per_byte": last_valid(path.with_name("metrics.jsonl"))}
        for path in given.runs
    ]
    write_atomic(given.out, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    run(main)
