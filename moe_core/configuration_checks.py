"""Checks of ``config.yaml`` beyond its schema, and the one line that a mistake in it gets.

Free of torch: a workflow is planned with it.
"""

import difflib
import math
import os
import re
from collections.abc import Iterable
from types import UnionType
from typing import Any

from pydantic import ValidationError

from moe_core.adapters.config import OWN_LINEAR
from moe_core.configuration import (
    SWEEPS,
    BalanceConfig,
    CapacityConfig,
    Experiments,
    PerftConfig,
    Scale,
    ScaleModel,
    StudyConfig,
    UnifiedConfig,
    arm_top_k,
)
from moe_core.dispatch.kinds import GROUPED_ROW_BYTES
from moe_core.errors import StudyError
from moe_core.routing import registry
from moe_core.strict import Strict

NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
HUB_NAME = re.compile(r"[A-Za-z0-9_.-]{1,96}(/[A-Za-z0-9_.-]{1,96})?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SMALLEST, LARGEST = 1e-12, 1e12  # between them, factors of an experiment stay finite


def check(config: dict[str, Any]) -> StudyConfig:
    """Types and keys by schema, then what the schema cannot say. Raises StudyError."""
    try:
        checked = StudyConfig.model_validate(config)
    except ValidationError as error:
        raise _explain(error) from None
    _check_values("", checked.model_dump())
    _check_revisions(checked)
    _one_of("scale", checked.scale, checked.scales)
    _check_experiments(checked.experiments)
    _check_telegrams(checked)
    for name, scale in checked.scales.items():
        _check_scale(f"scales.{name}", scale, checked.experiments)
    _check_dispatch(checked)
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
            _one_of(f"experiments.{name}.strategies", strategy, registry.names())
    _check_unified(experiments.unified)
    _check_balance(experiments.balance)
    factors = experiments.learning_rate.factors
    if 1.0 not in factors or not min(factors) < 1.0 < max(factors):
        raise StudyError(
            "experiments.learning_rate.factors",
            f"{factors} cannot show that the chosen rate is no edge",
            "give 1.0 with a smaller and a larger factor",
        )
    _check_perft(experiments.perft)
    _check_capacity(experiments.capacity)


def _check_telegrams(config: StudyConfig) -> None:
    own, theirs = config.experiments.perft.telegrams.seed, config.corpus.builtin.seed
    if config.corpus.source == "builtin" and own == theirs:
        raise StudyError(
            "experiments.perft.telegrams.seed",
            f"{own} is corpus.builtin.seed, so the base was trained on what is tested",
            "take another",
        )


def _check_perft(perft: PerftConfig) -> None:
    key = "experiments.perft"
    _one_of(f"{key}.strategy", perft.strategy, registry.names())
    _one_of(f"{key}.run.strategy", perft.run.strategy, registry.names())
    declared = registry.declaration(perft.strategy)
    for name, chosen in (("routed", perft.routed), ("matched", [perft.matched])):
        for routed in chosen:
            if routed is None:
                continue
            most = min(routed.adapters, declared["max_top_k"] or routed.adapters)
            least = declared["min_top_k"]
            if not least <= routed.top_k <= most:
                raise StudyError(
                    f"{key}.{name}",
                    f"top_k {routed.top_k} of {routed.adapters} adapters is not legal for "
                    f"strategy {perft.strategy!r}",
                    f"allowed: {least} to {most}",
                )
    if perft.base == "run" and not registry.declaration(perft.run.strategy)["causal"]:
        raise StudyError(
            f"{key}.run.strategy",
            f"{perft.run.strategy!r} chooses in training by what a decoder cannot see, so adapters "
            "would be trained on another model than they serve",
            "take one that is causal: `python -m moe_core strategies`",
        )
    in_steps = registry.declaration(perft.run.strategy)["sequential"]
    if in_steps and perft.base == "run" and "perft_e" in perft.methods:
        raise StudyError(
            f"{key}.run.strategy",
            f"{perft.run.strategy!r} routes several times a layer: perft_e has no expert to be in",
            f"take perft_e off {key}.methods",
        )
    if (
        perft.base == "hub"
        and set(perft.lora_targets) & set(OWN_LINEAR)
        and "lora" in perft.methods
    ):
        raise StudyError(
            f"{key}.lora_targets",
            f"{_list(perft.lora_targets)} are layers of this study's models",
            "name linear layers of the base, such as q_proj and v_proj",
        )
    if perft.task == "commonsense" and not perft.commonsense.hub and not perft.commonsense.train:
        raise StudyError(f"{key}.commonsense.train", "is empty", "give files, or a data set as hub")
    if perft.base == "run":
        for name in perft.lora_targets:
            _one_of(f"{key}.lora_targets", name, OWN_LINEAR)
    factors = perft.learning_rate_factors
    if 1.0 not in factors or not min(factors) < 1.0 < max(factors):
        raise StudyError(
            f"{key}.learning_rate_factors",
            f"{factors} cannot show that the chosen rate is no edge",
            "give 1.0 with a smaller and a larger factor",
        )


def _check_unified(unified: UnifiedConfig) -> None:
    ranked = [s for s in registry.names() if not registry.declaration(s)["control"]]
    if not set(ranked) & set(unified.strategies):
        raise StudyError(
            "experiments.unified.strategies",
            "all of them are controls, so there is nothing to rank",
            f"strategies: {_list(ranked)}",
        )
    for name in ("headline", "shared_expert"):
        for strategy in getattr(unified, name):
            _one_of(f"experiments.unified.{name}", strategy, unified.strategies)
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
                f"allowed: {_list(allowed)}",
            )


def _check_capacity(capacity: CapacityConfig) -> None:
    fewest = min(capacity.num_experts)
    for axis, top_k in (
        ("top_k", max(capacity.top_k)),
        ("trained_top_k", capacity.trained_top_k),
    ):
        if top_k > fewest:
            raise StudyError(
                f"experiments.capacity.{axis}",
                f"{top_k} is more than the fewest experts, "
                f"experiments.capacity.num_experts = {fewest}",
            )


def _check_scale(key: str, scale: Scale, experiments: Experiments) -> None:
    for strategy in scale.learning_rates:
        _one_of(f"{key}.learning_rates", strategy, (*registry.names(), "dense"))
    _check_seeds(key, scale, experiments.learning_rate.seeds)
    used = {s for many in strategies_by_experiment(experiments).values() for s in many}
    _check_model(f"{key}.model", scale.model, sorted(used))
    _check_training(key, scale, experiments.balance.balance_sequences)
    _check_adapters(f"{key}.adapters", scale, experiments)


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


def _check_adapters(key: str, scale: Scale, experiments: Experiments) -> None:
    adapters, perft = scale.adapters, experiments.perft
    for method in perft.methods:
        if method not in adapters.learning_rates:
            raise StudyError(f"{key}.learning_rates.{method}", "is missing", "add it")
    for seed in experiments.learning_rate.seeds:
        if seed in adapters.seeds:
            raise StudyError(
                "experiments.learning_rate.seeds",
                f"{seed} is one of {key}.seeds: rates would be tuned on the runs that they decide",
            )
    if perft.task == "commonsense" and scale.training.balance_sequences:
        raise StudyError(
            f"{key.removesuffix('adapters')}training.balance_sequences",
            "questions differ in length, and their load counts over the whole batch",
            "set it to null, or experiments.perft.task: stories",
        )
    if adapters.warmup_steps >= adapters.steps:
        raise StudyError(
            f"{key}.warmup_steps",
            f"{adapters.warmup_steps} leaves nothing of {key}.steps = {adapters.steps}",
        )
    for name in ("valid_tokens", "test_tokens"):
        if getattr(scale.training, name) < adapters.seq_len:
            raise StudyError(
                f"{key}.seq_len",
                f"{adapters.seq_len} is more than the tokens evaluated, "
                f"{key.removesuffix('adapters')}training.{name} = {getattr(scale.training, name)}",
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
    least = GROUPED_ROW_BYTES // (4 if scale.training.precision == "fp32" else 2)
    for name in ("dim", "expert_hidden"):
        width = getattr(scale.model, name)
        if backend == "grouped" and width % least:
            raise StudyError(
                f"{key}.model.{name}",
                f"{width} is no multiple of {least}, which dispatch 'grouped' asks for",
                f"change it, or set {key}.training.dispatch: auto",
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


def _one_of(key: str, value: str, allowed: Iterable[str]) -> None:
    allowed = list(allowed)
    if value not in allowed:
        raise StudyError(
            key, f"unknown value {value!r}{_nearest(value, allowed)}", f"allowed: {_list(allowed)}"
        )


def _nearest(word: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _list(allowed: Iterable[str]) -> str:
    return ", ".join(allowed)


def _explain(error: ValidationError) -> StudyError:
    """The first schema error, with the key, the value and the allowed values."""
    # an unknown key is the likely cause of a missing one: name it first
    details = error.errors(include_url=False)
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    key = ".".join(str(part) for part in first["loc"]) or "configuration"
    value, name = _brief(first["input"]), str(first["loc"][-1]) if first["loc"] else ""
    parent = first["loc"][:-1]
    if first["type"] == "extra_forbidden":
        known = _fields_at(parent)
        return StudyError(
            key, f"unknown key{_nearest(name, known)}", f"allowed here: {_list(known)}"
        )
    if first["type"] == "missing":
        return StudyError(key, "is missing", "add it; config.yaml of the repository shows all keys")
    if first["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return StudyError(
            key,
            f"unknown value {value}{_nearest(first['input'], allowed)}",
            f"allowed: {_list(allowed)}",
        )
    if first["type"] == "model_type":
        fields = _list(_fields_at(first["loc"]))
        return StudyError(key, f"{value} is wrong: a group of keys belongs here", f"keys: {fields}")
    hint = ""
    if re.fullmatch(r"'[+-]?\d+(\.\d*)?[eE][+-]?\d+'", value):
        hint = "YAML reads this as text: write it with a dot and a sign, as in 1.0e-3"
    return StudyError(key, f"{value} is wrong: {first['msg'].lower()}", hint)


def _brief(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:80]}…"


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """Keys of the configuration object that stands at a location."""
    here: Any = StudyConfig
    for part in loc:
        if isinstance(here, type) and issubclass(here, Strict):
            here = here.model_fields[str(part)].annotation
        else:
            here = here.__args__[-1]  # dict[str, Scale] -> Scale
        if isinstance(here, UnionType):  # Hub | None -> Hub
            here = here.__args__[0]
    return list(here.model_fields)
