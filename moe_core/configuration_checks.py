"""Checks of ``config.yaml`` beyond its schema.

Free of torch: a workflow is planned with it.
"""

import math
import os
import re
from typing import Any

from pydantic import ValidationError

from moe_core.adapter_checks import check_adapters, check_perft, check_telegrams
from moe_core.configuration import (
    SWEEPS,
    BalanceConfig,
    CapacityConfig,
    Experiments,
    Scale,
    ScaleModel,
    StudyConfig,
    UnifiedConfig,
    arm_top_k,
)
from moe_core.configuration_mistakes import explain, listed, one_of
from moe_core.dispatch.kinds import GROUPED_ROW_BYTES
from moe_core.errors import StudyError
from moe_core.image_checks import check_vision
from moe_core.routing import registry

NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
HUB_NAME = re.compile(r"[A-Za-z0-9_.-]{1,96}(/[A-Za-z0-9_.-]{1,96})?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SMALLEST, LARGEST = 1e-12, 1e12  # between them, factors of an experiment stay finite


def check(config: dict[str, Any]) -> StudyConfig:
    """Types and keys by schema, then what the schema cannot say. Raises StudyError."""
    try:
        checked = StudyConfig.model_validate(config)
    except ValidationError as error:
        raise explain(error) from None
    _check_values("", checked.model_dump())
    _check_revisions(checked)
    one_of("scale", checked.scale, checked.scales)
    _check_experiments(checked.experiments)
    check_telegrams(checked)
    for name, scale in checked.scales.items():
        _check_scale(f"scales.{name}", scale, checked.experiments)
    _check_dispatch(checked)
    check_vision(checked)
    return checked


def _check_values(key: str, value: Any) -> None:
    """That no list holds a value twice, no number is absurd, and no name of a scale odd."""
    match value:
        case dict():
            for name, inner in value.items():
                if not NAME.fullmatch(name):
                    raise StudyError(f"{key}.{name}", "a name has letters, digits, - and _ alone")
                _check_values(f"{key}.{name}".lstrip("."), inner)
        case list():
            for inner in value:
                if value.count(inner) > 1:
                    raise StudyError(key, f"{inner!r} stands there twice")
                _check_values(key, inner)
        case int() | float():
            if value and not SMALLEST <= abs(value) <= LARGEST:
                raise StudyError(
                    key, f"{value!r} is wrong: allowed is from {SMALLEST:g} to {LARGEST:g}"
                )


def _check_revisions(config: StudyConfig) -> None:
    """That what is fetched from the hub cannot change there."""
    commonsense = config.experiments.perft.commonsense
    for key, used, source in (
        ("corpus.hub", config.corpus.source == "hub", config.corpus.hub),
        (
            "tokenizer.pretrained",
            config.tokenizer.kind == "pretrained",
            config.tokenizer.pretrained,
        ),
        (
            "experiments.perft.hub",
            config.experiments.perft.base == "hub",
            config.experiments.perft.hub,
        ),
        (
            "experiments.perft.commonsense.hub",
            commonsense.hub is not None and config.experiments.perft.task == "commonsense",
            commonsense.hub,
        ),
        ("images.hub", config.images.source == "hub", config.images.hub),
    ):
        if not used or source is None or os.path.exists(source.name):
            continue
        if source.name.endswith(".json"):  # told as missing by study.local_tokenizer
            continue
        if not HUB_NAME.fullmatch(source.name):
            raise StudyError(f"{key}.name", f"no path here and no name on the hub: {source.name!r}")
        if not COMMIT.fullmatch(source.revision or ""):
            raise StudyError(
                f"{key}.revision",
                f"{source.revision!r} is no commit of 40 hexadecimal digits, and a branch or tag "
                "may change under a study",
                f"copy the commit from https://huggingface.co ({source.name})",
            )


def strategies_by_experiment(experiments: Experiments) -> dict[str, list[str]]:
    """The strategies that each experiment trains."""
    return {name: getattr(experiments, name).strategies for name in ("unified", *SWEEPS)}


def _check_experiments(experiments: Experiments) -> None:
    for name, strategies in strategies_by_experiment(experiments).items():
        for strategy in strategies:
            one_of(f"experiments.{name}.strategies", strategy, registry.names())
    _check_unified(experiments.unified)
    _check_balance(experiments.balance)
    for key, factors in (
        ("learning_rate.factors", experiments.learning_rate.factors),
        ("perft.learning_rate_factors", experiments.perft.learning_rate_factors),
        ("vision.learning_rate_factors", experiments.vision.learning_rate_factors),
    ):
        if 1.0 not in factors or not min(factors) < 1.0 < max(factors):
            raise StudyError(
                f"experiments.{key}",
                f"{factors} cannot show that the chosen rate is no edge",
                "give 1.0 with a smaller and a larger factor",
            )
    check_perft(experiments.perft)
    _check_capacity(experiments.capacity)


def _check_unified(unified: UnifiedConfig) -> None:
    ranked = [s for s in registry.names() if not registry.declaration(s)["control"]]
    if not set(ranked) & set(unified.strategies):
        raise StudyError(
            "experiments.unified.strategies",
            "all of them are controls, so there is nothing to rank",
            f"strategies: {listed(ranked)}",
        )
    for name in ("headline", "shared_expert"):
        for strategy in getattr(unified, name):
            one_of(f"experiments.unified.{name}", strategy, unified.strategies)
    for strategy in unified.shared_expert:
        if registry.declaration(strategy)["fills_capacity"]:
            raise StudyError(
                "experiments.unified.shared_expert",
                f"the experts of {strategy!r} fill their capacity, a shared one has none",
                "take it off this list",
            )


def _check_balance(balance: BalanceConfig) -> None:
    allowed = [n for n in registry.names() if registry.declaration(n)["balanced_by"] == "switch"]
    for strategy in balance.strategies:
        if strategy not in allowed:
            raise StudyError(
                "experiments.balance.strategies",
                f"{strategy!r} is not balanced by the Switch loss, so its arms would not differ",
                f"allowed: {listed(allowed)}",
            )


def _check_capacity(capacity: CapacityConfig) -> None:
    key, fewest = "experiments.capacity", min(capacity.num_experts)
    _check_top_k(key, "top_k", max(capacity.top_k), fewest)
    _check_top_k(key, "trained_top_k", capacity.trained_top_k, fewest)


def _check_top_k(key: str, axis: str, top_k: int, fewest: int) -> None:
    if top_k > fewest:
        raise StudyError(
            f"{key}.{axis}",
            f"{top_k} is more than the fewest experts, {key}.num_experts = {fewest}",
        )


def _check_scale(key: str, scale: Scale, experiments: Experiments) -> None:
    for strategy in scale.learning_rates:
        one_of(f"{key}.learning_rates", strategy, (*registry.names(), "dense"))
    _check_seeds(key, scale, experiments.learning_rate.seeds)
    used = {s for many in strategies_by_experiment(experiments).values() for s in many}
    _check_model(f"{key}.model", scale.model, sorted(used))
    if scale.exported_model:
        _check_model(f"{key}.exported_model", scale.exported_model, ["softk"])
    _check_training(key, scale, experiments.balance.balance_sequences)
    _check_expert_parallel(key, scale, experiments)
    check_adapters(f"{key}.adapters", scale, experiments)


def _check_seeds(key: str, scale: Scale, tuning: list[int]) -> None:
    for seed in tuning:
        if seed in scale.seeds:
            raise StudyError(
                "experiments.learning_rate.seeds",
                f"{seed} is one of {key}.seeds: rates would be tuned on the runs that they decide",
            )
    for seed in scale.other_seeds:
        if seed not in scale.seeds:
            raise StudyError(
                f"{key}.other_seeds",
                f"{seed} has no dense model to be paired with",
                f"allowed: {key}.seeds = {', '.join(map(str, scale.seeds))}",
            )


def _check_model(key: str, shape: ScaleModel, strategies: list[str]) -> None:
    if shape.dim % 2:
        raise StudyError(f"{key}.dim", f"{shape.dim} is odd", "rotary positions need pairs")
    if shape.dim % shape.heads or shape.dim // shape.heads % 2:
        raise StudyError(
            f"{key}.heads",
            f"{shape.heads} heads do not divide {key}.dim = {shape.dim} into even widths",
            f"allowed: {', '.join(map(str, _even_heads(shape.dim)))}",
        )
    if shape.top_k > shape.num_experts:
        raise StudyError(
            f"{key}.top_k",
            f"{shape.top_k} is more than {key}.num_experts = {shape.num_experts}",
            f"allowed: 1 to {shape.num_experts}",
        )
    for strategy in strategies:
        least = registry.declaration(strategy)["min_top_k"]
        if arm_top_k(strategy, shape.top_k) < least:
            raise StudyError(
                f"{key}.top_k",
                f"{shape.top_k} is too few for strategy {strategy!r}, whose router would get no "
                "gradient",
                f"allowed: {least} or more",
            )


def _check_dispatch(config: StudyConfig) -> None:
    """That the backend runs on the device, at the widths of the scale that is chosen."""
    scale, key = config.scales[config.scale], f"scales.{config.scale}"
    backend = scale.training.dispatch
    if backend == "segments" and config.device == "cuda":
        raise StudyError(
            f"{key}.training.dispatch", "'segments' runs on a CPU alone", "use auto or grouped"
        )
    if backend == "triton" and config.device == "cpu":
        raise StudyError(
            f"{key}.training.dispatch", "'triton' runs on a GPU alone", "use auto, or device: cuda"
        )
    if backend == "triton" and scale.training.compile:
        raise StudyError(
            f"{key}.training.dispatch",
            f"'triton' has kernels that are compiled already, and {key}.training.compile is true",
            "turn one of them off",
        )
    least = GROUPED_ROW_BYTES // (4 if scale.training.precision == "fp32" else 2)
    for name in ("dim", "expert_hidden"):
        width = getattr(scale.model, name)
        if backend in ("grouped", "active", "triton") and width % least:
            raise StudyError(
                f"{key}.model.{name}",
                f"{width} is no multiple of {least}, which dispatch {backend!r} asks for",
                f"change it, or set {key}.training.dispatch: auto",
            )


def _check_expert_parallel(key: str, scale: Scale, experiments: Experiments) -> None:
    """That every routed run has an expert for each process."""
    if not scale.expert_parallel:
        return
    if scale.world_size == 1:
        raise StudyError(
            f"{key}.expert_parallel",
            "true, but one process has all experts",
            f"raise {key}.world_size or set it to false",
        )
    if scale.training.compile:
        raise StudyError(
            f"{key}.training.compile", f"true, but {key}.expert_parallel is too", "set one to false"
        )
    fewest = min(
        scale.model.num_experts,
        *experiments.capacity.num_experts,
        *([scale.exported_model.num_experts] if scale.exported_model else []),
    )
    if scale.world_size > fewest:
        raise StudyError(
            f"{key}.world_size",
            f"{scale.world_size} processes share out {fewest} experts",
            f"allowed with expert_parallel: 2 to {fewest}",
        )


def _check_training(key: str, scale: Scale, scopes: list[int]) -> None:
    if scale.world_size > scale.training.batch_size:
        raise StudyError(
            f"{key}.world_size",
            f"{scale.world_size} processes for {scale.training.batch_size} sequences of a batch",
            f"lower it or raise {key}.training.batch_size",
        )
    training = scale.training
    for name, steps in (
        ("training.steps", training.steps),
        ("sweep.steps", scale.sweep.steps),
    ):
        if training.warmup_steps >= steps:
            raise StudyError(
                f"{key}.training.warmup_steps",
                f"{training.warmup_steps} leaves nothing of {key}.{name} = {steps}",
            )
    kernels = scale.kernels
    _check_top_k(f"{key}.kernels", "top_k", max(kernels.top_k), min(kernels.num_experts))
    if training.warmup_steps >= scale.capacity.trained_steps:
        raise StudyError(
            f"{key}.capacity.trained_steps",
            f"{scale.capacity.trained_steps} is all warm-up, "
            f"{key}.training.warmup_steps = {training.warmup_steps}",
        )
    for scope in (*scopes, training.balance_sequences or 1):
        if training.batch_size % scope:
            raise StudyError(
                f"{key}.training.batch_size",
                f"{training.batch_size} sequences are no multiple of balance_sequences = {scope}",
            )
    for name in ("valid_tokens", "test_tokens"):
        if getattr(training, name) < training.seq_len:
            raise StudyError(
                f"{key}.training.{name}",
                f"{getattr(training, name)} is less than one sequence, "
                f"{key}.training.seq_len = {training.seq_len}",
            )


def _even_heads(dim: int) -> list[int]:
    pairs = dim // 2
    small = [h for h in range(1, math.isqrt(pairs) + 1) if pairs % h == 0]
    return sorted({*small, *(pairs // h for h in small)})
