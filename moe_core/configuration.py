"""The schema of ``config.yaml``, and what a mistake in it is told in one line.

Free of torch: a workflow is planned with it.
"""

import difflib
import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from moe_core.errors import StudyError
from moe_core.model.config import Activation
from moe_core.routing import registry
from moe_core.routing.drop_policy import CAUSAL_POLICIES, DropPolicy
from moe_core.routing.router_net import RouterNet
from moe_core.strict import Strict
from moe_core.training.config import Device, ThroughputConfig, TrainingConfig

SweepName = Literal[
    "capacity_sweep", "router_nets", "larger", "subword", "balance", "learning_rate"
]
SWEEPS: tuple[SweepName, ...] = get_args(SweepName)
Fraction = Annotated[float, Field(gt=0, lt=0.5)]


class BuiltinCorpus(Strict):
    """Stories from the seeded generator of moe_core/corpus/builtin_stories.py."""

    stories: PositiveInt = Field(description="How many to generate.")
    seed: NonNegativeInt = Field(description="Another seed, other stories.")


class HubCorpus(Strict):
    """A data set read with Hugging Face `datasets`, streamed."""

    name: str = Field(description="Hub name or local folder.")
    revision: str = Field(description="Commit of the data set.")
    split: str = Field(description="Its split to read.")
    text_field: str = Field(description="Column that holds a story.")
    max_stories: PositiveInt | None = Field(description="Read at most this many; null for all.")


class FilesCorpus(Strict):
    """Your own text."""

    paths: list[str] = Field(min_length=1, description="Paths or globs of text or .jsonl files.")
    text_field: str = Field(description="Field of a .jsonl row that holds the story.")


class CorpusConfig(Strict):
    """Which stories, and how they are split."""

    source: Literal["builtin", "hub", "files"] = Field(description="Where stories come from.")
    valid_fraction: Fraction = Field(description="Share of stories to watch training with.")
    test_fraction: Fraction = Field(description="Share of stories that the results are read on.")
    builtin: BuiltinCorpus
    hub: HubCorpus
    files: FilesCorpus


class BpeConfig(Strict):
    """Byte-level BPE trained on the training split."""

    vocab_size: Annotated[int, Field(ge=257)] = Field(description="Entries of the vocabulary.")


class PretrainedTokenizer(Strict):
    """A tokenizer made elsewhere."""

    name: str = Field(description="Hub name, or path of a tokenizer.json.")
    revision: str = Field(description="Commit or branch on the hub.")


class TokenizerConfig(Strict):
    """How stories become tokens."""

    kind: Literal["char", "bpe", "pretrained"] = Field(description="Which tokenizer.")
    bpe: BpeConfig
    pretrained: PretrainedTokenizer


class UnifiedConfig(Strict):
    """Strategies x the scale's capacity factors and seeds, with dense models of equal size."""

    strategies: list[str] = Field(min_length=1, description="Strategies and controls to compare.")
    headline: list[str] = Field(
        description="Those of them to train on all seeds of the scale; the others on other_seeds."
    )
    shared_expert: list[str] = Field(
        description="Those of them to train with a shared expert too, at equal active FLOPs."
    )
    drop_policy: DropPolicy = Field(description="Which assignments lose when slots run out.")
    bias_rate: PositiveFloat = Field(
        description="Step of the bias of strategies that are balanced by it."
    )


class CapacitySweepConfig(Strict):
    """Capacity factor of trained routers."""

    strategies: list[str] = Field(description="Strategies to train at each.")
    capacity_factors: list[PositiveFloat] = Field(min_length=1, description="cf values.")


class RouterNetsConfig(Strict):
    """Router network x strategy."""

    strategies: list[str] = Field(description="Strategies to train with each.")
    routers: list[RouterNet] = Field(min_length=1, description="Router networks.")


class LargerConfig(Strict):
    """More experts, then a wider model: one factor at a time."""

    strategies: list[str] = Field(description="Strategies to train at each size.")
    num_experts_factor: Annotated[int, Field(ge=2)] = Field(description="Times as many experts.")
    dim_factor: Annotated[int, Field(ge=2)] = Field(description="Times as wide, experts too.")


class SubwordConfig(Strict):
    """The same stories as byte-level BPE (tokenizer.bpe)."""

    strategies: list[str] = Field(description="Strategies to train on them.")


class BalanceConfig(Strict):
    """What keeps the load even, and what it costs: one change to the usual arm at a time."""

    strategies: list[str] = Field(description="Strategies to train with each.")
    switch_coefs: list[NonNegativeFloat] = Field(description="Weights of the Switch loss.")
    balance_sequences: list[PositiveInt] = Field(description="Scopes of the Switch loss.")
    bias_rates: list[PositiveFloat] = Field(
        description="Steps of a bias that replaces the Switch loss."
    )
    jitters: list[PositiveFloat] = Field(
        description="Jitters of the router's input instead of the Switch loss."
    )


class LearningRateConfig(Strict):
    """The same small grid for each strategy, on seeds of its own."""

    strategies: list[str] = Field(description="Strategies to tune; dense models are with them.")
    factors: list[PositiveFloat] = Field(min_length=1, description="Times the arm's own rate.")
    seeds: list[NonNegativeInt] = Field(min_length=1, description="Tuning seeds.")


class CapacityConfig(Strict):
    """Microbenchmark of capacity, pack and combine on given assignments."""

    num_experts: list[Annotated[int, Field(ge=2)]] = Field(min_length=1, description="E values.")
    top_k: list[PositiveInt] = Field(min_length=1, description="K values.")
    capacity_factors: list[PositiveFloat] = Field(min_length=1, description="cf values.")
    zipf_exponent: PositiveFloat = Field(description="Skew: expert i is wanted as 1 / i^a.")
    trained_top_k: Annotated[int, Field(ge=2)] = Field(
        description="K at which the routers behind recorded assignments are trained."
    )


class Experiments(Strict):
    """What is compared."""

    unified: UnifiedConfig
    capacity_sweep: CapacitySweepConfig
    router_nets: RouterNetsConfig
    larger: LargerConfig
    subword: SubwordConfig
    balance: BalanceConfig
    learning_rate: LearningRateConfig
    capacity: CapacityConfig


class NgramConfig(Strict):
    """The control from outside neural nets."""

    max_train_tokens: PositiveInt = Field(description="Read at most this much of train.")


class ScaleModel(Strict):
    """Model of a scale; experiments add the routing."""

    dim: PositiveInt = Field(description="D, model width; heads must divide it.")
    layers: PositiveInt = Field(description="L, blocks.")
    heads: PositiveInt = Field(description="Attention heads; D / heads must be even.")
    num_experts: Annotated[int, Field(ge=2)] = Field(description="E, experts of a layer.")
    top_k: PositiveInt = Field(description="K, for strategies that allow a choice.")
    expert_hidden: PositiveInt = Field(
        description="Hidden width of an expert; dense layers have the active width."
    )
    activation: Activation = Field(description="Feed-forward non-linearity.")
    tied_head: bool = Field(description="Share the output matrix with the embedding.")


class ScaleCapacity(Strict):
    """Size of the capacity microbenchmark."""

    tokens: PositiveInt = Field(description="T, tokens of one batch of assignments.")
    dim: PositiveInt = Field(description="D, width of the vectors moved.")
    repeats: PositiveInt = Field(description="Timed repeats; the median counts.")
    trained_steps: PositiveInt = Field(description="Training steps of the recorded routers.")
    trained_expert_hidden: PositiveInt = Field(description="Expert width of their models.")


class Sweep(Strict):
    """How much of each experiment besides the unified one."""

    seeds: list[NonNegativeInt] = Field(min_length=1, description="Paired seeds of each arm.")
    steps: PositiveInt = Field(description="Optimiser steps of each run.")
    timed: list[SweepName] = Field(description="Experiments whose shapes are timed too.")


class Scale(Strict):
    """How much of everything."""

    smoke: bool = Field(description="Mark the report: too small for its ranking to mean a thing.")
    seeds: list[NonNegativeInt] = Field(
        min_length=1, description="Paired seeds of headline strategies and dense models."
    )
    other_seeds: list[NonNegativeInt] = Field(
        min_length=1, description="Those of them for the other arms of the unified experiment."
    )
    capacity_factors: list[PositiveFloat] = Field(
        min_length=1, description="cf of the unified experiment's arms."
    )
    threads: PositiveInt = Field(description="CPU threads of one training run.")
    audit_trials: PositiveInt = Field(description="Trials of each invariance of each audit.")
    model: ScaleModel
    training: TrainingConfig
    learning_rates: dict[str, PositiveFloat] = Field(
        description="Peak rates of strategies (or `dense`) that differ from training's."
    )
    sweep: Sweep
    throughput: ThroughputConfig
    capacity: ScaleCapacity


class StudyConfig(Strict):
    """The whole of config.yaml."""

    scale: str = Field(description="Name of one of the scales below.")
    device: Device = Field(description="Where training and timing run.")
    corpus: CorpusConfig
    tokenizer: TokenizerConfig
    experiments: Experiments
    ngram: NgramConfig
    scales: dict[str, Scale] = Field(min_length=1, description="Scales by name.")


def arm_top_k(strategy: str, top_k: int) -> int:
    """K of a strategy in a study that asks for ``top_k``: less where its rule fixes it."""
    most = registry.declaration(strategy)["max_top_k"]
    return top_k if most is None else min(top_k, most)


def check(config: dict[str, Any]) -> StudyConfig:
    """Types and keys by schema, then what the schema cannot say. Raises StudyError."""
    try:
        checked = StudyConfig.model_validate(config)
    except ValidationError as error:
        raise _explain(error) from None
    _one_of("scale", checked.scale, checked.scales)
    _check_experiments(checked.experiments)
    for name, scale in checked.scales.items():
        _check_scale(f"scales.{name}", scale, checked.experiments)
    return checked


def strategies_by_experiment(experiments: Experiments) -> dict[str, list[str]]:
    """The strategies that each experiment trains."""
    return {name: getattr(experiments, name).strategies for name in ("unified", *SWEEPS)}


def _check_experiments(experiments: Experiments) -> None:
    unified = experiments.unified
    for name, strategies in strategies_by_experiment(experiments).items():
        for strategy in strategies:
            _one_of(f"experiments.{name}.strategies", strategy, registry.names())
        _distinct(f"experiments.{name}.strategies", strategies)
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
        _distinct(f"experiments.unified.{name}", getattr(unified, name))
    for strategy in unified.shared_expert:
        if registry.declaration(strategy)["fills_capacity"]:
            raise StudyError(
                "experiments.unified.shared_expert",
                f"the experts of {strategy!r} fill their capacity, a shared one has none",
                "take it off this list",
            )
    for strategy in experiments.balance.strategies:
        if registry.declaration(strategy)["balanced_by"] != "switch":
            raise StudyError(
                "experiments.balance.strategies",
                f"{strategy!r} is not balanced by the Switch loss, so its arms would not differ",
                f"allowed: {_list(_balanced_by_switch())}",
            )
    for key in ("capacity_sweep.capacity_factors", "router_nets.routers", "learning_rate.factors"):
        name, _, axis = key.partition(".")
        _distinct(f"experiments.{key}", getattr(getattr(experiments, name), axis))
    if 1.0 not in experiments.learning_rate.factors or len(experiments.learning_rate.factors) < 3:
        raise StudyError(
            "experiments.learning_rate.factors",
            f"{experiments.learning_rate.factors} cannot show that the chosen rate is no edge",
            "give 1.0 with a smaller and a larger factor",
        )
    for name in ("num_experts", "top_k", "capacity_factors"):
        _distinct(f"experiments.capacity.{name}", getattr(experiments.capacity, name))
    if unified.drop_policy not in CAUSAL_POLICIES:
        raise StudyError(
            "experiments.unified.drop_policy",
            f"{unified.drop_policy!r} looks at later tokens: no cell would be causal",
            f"allowed: {_list(CAUSAL_POLICIES)}",
        )
    fewest = min(experiments.capacity.num_experts)
    for axis, top_k in (
        ("top_k", max(experiments.capacity.top_k)),
        ("trained_top_k", experiments.capacity.trained_top_k),
    ):
        if top_k > fewest:
            raise StudyError(
                f"experiments.capacity.{axis}",
                f"{top_k} is more than the fewest experts, "
                f"experiments.capacity.num_experts = {fewest}",
            )


def _balanced_by_switch() -> list[str]:
    return [n for n in registry.names() if registry.declaration(n)["balanced_by"] == "switch"]


def _check_scale(key: str, scale: Scale, experiments: Experiments) -> None:
    shape, training = scale.model, scale.training
    _distinct(f"{key}.seeds", scale.seeds)
    _distinct(f"{key}.sweep.seeds", scale.sweep.seeds)
    _distinct(f"{key}.other_seeds", scale.other_seeds)
    for seed in experiments.learning_rate.seeds:
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
    _distinct(f"{key}.capacity_factors", scale.capacity_factors)
    if shape.dim % 2:
        raise StudyError(f"{key}.model.dim", f"{shape.dim} is odd", "rotary positions need pairs")
    if shape.dim % shape.heads or shape.dim // shape.heads % 2:
        raise StudyError(
            f"{key}.model.heads",
            f"{shape.heads} heads do not divide {key}.model.dim = {shape.dim} into even widths",
            f"allowed: {', '.join(map(str, _even_heads(shape.dim)))}",
        )
    if shape.top_k > shape.num_experts:
        raise StudyError(
            f"{key}.model.top_k",
            f"{shape.top_k} is more than {key}.model.num_experts = {shape.num_experts}",
            f"allowed: 1 to {shape.num_experts}",
        )
    for strategy in scale.learning_rates:
        _one_of(f"{key}.learning_rates", strategy, (*registry.names(), "dense"))
    used = {s for many in strategies_by_experiment(experiments).values() for s in many}
    for strategy in sorted(used):
        least = registry.declaration(strategy)["min_top_k"]
        if arm_top_k(strategy, shape.top_k) < least:
            raise StudyError(
                f"{key}.model.top_k",
                f"{shape.top_k} is too few for strategy {strategy!r}, whose router would get no "
                "gradient",
                f"allowed: {least} or more",
            )
    for where, steps in (("training", training.steps), ("sweep", scale.sweep.steps)):
        if training.warmup_steps >= steps:
            raise StudyError(
                f"{key}.training.warmup_steps",
                f"{training.warmup_steps} leaves nothing of {key}.{where}.steps = {steps}",
            )
    for scope in (*experiments.balance.balance_sequences, training.balance_sequences or 1):
        if training.batch_size % scope:
            raise StudyError(
                f"{key}.training.batch_size",
                f"{training.batch_size} sequences are no multiple of balance_sequences = {scope}",
            )
    if training.warmup_steps >= scale.capacity.trained_steps:
        raise StudyError(
            f"{key}.capacity.trained_steps",
            f"{scale.capacity.trained_steps} is all warm-up, "
            f"{key}.training.warmup_steps = {training.warmup_steps}",
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


def _distinct(key: str, values: list[Any]) -> None:
    repeated = [v for v in values if values.count(v) > 1]
    if repeated:
        raise StudyError(key, f"{repeated[0]!r} stands there twice")


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
    value, name = first["input"], str(first["loc"][-1]) if first["loc"] else ""
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
            key, f"unknown value {value!r}{_nearest(value, allowed)}", f"allowed: {_list(allowed)}"
        )
    if first["type"] == "model_type":
        fields = _list(_fields_at(first["loc"]))
        return StudyError(
            key, f"{value!r} is wrong: a group of keys belongs here", f"keys: {fields}"
        )
    hint = ""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        hint = "YAML reads this as text: write it with a dot and a sign, as in 1.0e-3"
    return StudyError(key, f"{value!r} is wrong: {first['msg'].lower()}", hint)


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """Keys of the configuration object that stands at a location."""
    here: Any = StudyConfig
    for part in loc:
        if isinstance(here, type) and issubclass(here, Strict):
            here = here.model_fields[str(part)].annotation
        else:
            here = here.__args__[-1]  # dict[str, Scale] -> Scale
    return list(here.model_fields)
