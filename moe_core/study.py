"""A study is a table of runs: ``config.yaml`` in, checked, out come ``RunSpec`` rows.

The only place that knows the configuration. A row is all that its training job needs, as one
canonical JSON; its id is a readable slug with a short hash of that JSON, so that equal rows of
two experiments are one run. Free of torch: a workflow plans with it.
"""

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError

from moe_core.errors import StudyError
from moe_core.model.config import Activation, DropPolicy, MoEConfig, TransformerConfig
from moe_core.provenance import canonical_json, data_digest
from moe_core.routing import registry
from moe_core.strict import Strict
from moe_core.training.config import Device, Precision, ThroughputConfig, TrainingConfig

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
    """Strategies x the scale's capacity factors and seeds, with dense models of equal FLOPs."""

    strategies: list[str] = Field(min_length=1, description="Strategies to compare.")
    drop_policy: DropPolicy = Field(description="Which assignments lose when slots run out.")


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
    capacity: CapacityConfig


class NgramConfig(Strict):
    """The control from outside neural nets."""

    order: Annotated[int, Field(ge=1, le=9)] = Field(description="Tokens of a gram.")
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


class Scale(Strict):
    """How much of everything."""

    smoke: bool = Field(description="Mark the report: too small for its ranking to mean a thing.")
    seeds: list[NonNegativeInt] = Field(min_length=1, description="Paired seeds of each arm.")
    capacity_factors: list[PositiveFloat] = Field(
        min_length=1, description="cf of the unified experiment's arms."
    )
    threads: PositiveInt = Field(description="CPU threads of one training run.")
    model: ScaleModel
    training: TrainingConfig
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
    scales: dict[str, Scale] = Field(description="Scales by name.")


class RunSpec(Strict):
    """One row of the table of runs: all that a training job needs, besides the tokens."""

    tokens: str
    seed: int
    device: Device
    threads: int
    model: TransformerConfig
    training: TrainingConfig


class ShapeSpec(Strict):
    """What the speed of a run depends on; runs that differ in seed or rates share one."""

    tokens: str
    device: Device
    model: TransformerConfig
    batch_size: int
    seq_len: int
    precision: Precision
    compile: bool
    throughput: ThroughputConfig


@dataclass(frozen=True)
class Study:
    """A checked configuration and its table of runs.

    runs: by id. unified: ids of the unified experiment. capacity: by E, the id of the run whose
    router the capacity microbenchmark records. shapes: by id; shape_of: run id to shape id.
    """

    config: StudyConfig
    scale: Scale
    corpus: str
    tokens: str
    runs: dict[str, RunSpec]
    unified: list[str]
    capacity: dict[int, str]
    shapes: dict[str, ShapeSpec]
    shape_of: dict[str, str]


def load_study(config: dict[str, Any]) -> Study:
    """Check a configuration and expand it.

    Raises StudyError: one line with the key, the value, what is allowed and the nearest spelling.
    """
    checked = check(config)
    scale = checked.scales[checked.scale]
    corpus = checked.corpus.source
    tokens = f"{corpus}-{tokenizer_name(checked.tokenizer)}"
    table = {run_id(spec): spec for spec in _unified_runs(checked, scale, tokens)}
    unified = list(table)
    capacity = {}
    for num_experts in checked.experiments.capacity.num_experts:
        spec = _capacity_run(checked, scale, tokens, num_experts)
        capacity[num_experts] = run_id(spec)
        table[run_id(spec)] = spec
    shapes = {run: shape_of(table[run], scale.throughput) for run in unified}
    return Study(
        config=checked,
        scale=scale,
        corpus=corpus,
        tokens=tokens,
        runs=table,
        unified=unified,
        capacity=capacity,
        shapes={shape_id(s): s for s in shapes.values()},
        shape_of={run: shape_id(s) for run, s in shapes.items()},
    )


def canonical(spec: Strict) -> str:
    """The one JSON text of a row."""
    return canonical_json(spec.model_dump(mode="json"))


def model_slug(model: TransformerConfig) -> str:
    """Readable name of a model, e.g. ``softk-e8k2-cf1.25``."""
    if model.moe is None:
        return f"dense-f{model.ffn_hidden}"
    moe = model.moe
    return f"{moe.strategy}-e{moe.num_experts}k{moe.top_k}-cf{moe.capacity_factor:g}"


def run_id(spec: RunSpec) -> str:
    """Slug and hash of a run. Looked up, never parsed."""
    digest = data_digest(spec.model_dump(mode="json"))[:10]
    return f"{model_slug(spec.model)}-s{spec.seed}-{digest}"


def shape_id(spec: ShapeSpec) -> str:
    """Slug and hash of a shape."""
    return f"{model_slug(spec.model)}-{data_digest(spec.model_dump(mode='json'))[:10]}"


def shape_of(run: RunSpec, timing: ThroughputConfig) -> ShapeSpec:
    """The shape that times a run."""
    training = run.training
    return ShapeSpec(
        tokens=run.tokens,
        device=run.device,
        model=run.model,
        batch_size=training.batch_size,
        seq_len=training.seq_len,
        precision=training.precision,
        compile=training.compile,
        throughput=timing,
    )


def corpus_spec(corpus: CorpusConfig) -> str:
    """All that the stories depend on, as canonical JSON."""
    options = getattr(corpus, corpus.source).model_dump()
    return canonical_json(
        {
            "source": corpus.source,
            "valid_fraction": corpus.valid_fraction,
            "test_fraction": corpus.test_fraction,
            "options": options,
        }
    )


def tokenizer_spec(tokenizer: TokenizerConfig) -> str:
    """All that the vocabulary depends on besides the stories, as canonical JSON."""
    options = None if tokenizer.kind == "char" else getattr(tokenizer, tokenizer.kind).model_dump()
    return canonical_json({"kind": tokenizer.kind, "options": options})


def ngram_spec(study: Study) -> str:
    """What the n-gram control depends on, as canonical JSON."""
    training = study.scale.training
    return canonical_json(
        {
            **study.config.ngram.model_dump(),
            "seq_len": training.seq_len,
            "test_tokens": training.test_tokens,
        }
    )


def microbench_spec(study: Study) -> str:
    """Grid and size of the capacity microbenchmark, as canonical JSON."""
    size = study.scale.capacity
    return canonical_json(
        {
            **study.config.experiments.capacity.model_dump(exclude={"trained_top_k"}),
            "tokens": size.tokens,
            "dim": size.dim,
            "repeats": size.repeats,
        }
    )


def report_spec(study: Study) -> str:
    """What the report says of the configuration, as canonical JSON."""
    config, scale = study.config, study.scale
    return canonical_json(
        {
            "scale": config.scale,
            "seeds": scale.seeds,
            "corpus": config.corpus.source,
            "hub_name": config.corpus.hub.name,
            "tokenizer": config.tokenizer.kind,
            "runs": len(study.unified),
            "capacity_factors": scale.capacity_factors,
            "model": scale.model.model_dump(),
            "training": scale.training.model_dump(),
        }
    )


def tokenizer_name(tokenizer: TokenizerConfig) -> str:
    """Folder name of a tokenizer."""
    if tokenizer.kind == "bpe":
        return f"bpe{tokenizer.bpe.vocab_size}"
    if tokenizer.kind == "pretrained":
        slug = re.sub(r"[^A-Za-z0-9]+", "_", tokenizer.pretrained.name).strip("_")[-40:]
        return f"pretrained_{slug}_{data_digest(tokenizer.pretrained.model_dump())[:6]}"
    return "char"


def arm_top_k(strategy: str, top_k: int) -> int:
    """K of a strategy in a study that asks for ``top_k``: less where its rule fixes it."""
    most = registry.declaration(strategy)["max_top_k"]
    return top_k if most is None else min(top_k, most)


def dense_width(model: TransformerConfig) -> int:
    """Hidden width of the dense layer with the active FLOPs of a model's experts.

    A token reaches K experts of width F, or cf * K on average where experts fill their capacity.
    """
    if model.moe is None:
        return model.ffn_hidden
    fills_columns = registry.declaration(model.moe.strategy)["group"] != "token"
    experts = model.moe.top_k * (model.moe.capacity_factor if fills_columns else 1)
    return round(experts * model.ffn_hidden)


def _model(scale: Scale, ffn_hidden: int, moe: MoEConfig | None) -> TransformerConfig:
    shape = scale.model
    return TransformerConfig(
        dim=shape.dim,
        layers=shape.layers,
        heads=shape.heads,
        ffn_hidden=ffn_hidden,
        activation=shape.activation,
        tied_head=shape.tied_head,
        moe=moe,
    )


def _unified_runs(config: StudyConfig, scale: Scale, tokens: str) -> Iterable[RunSpec]:
    experiment, shape = config.experiments.unified, scale.model
    top_ks = {s: arm_top_k(s, shape.top_k) for s in experiment.strategies}
    models = [
        _model(
            scale,
            shape.expert_hidden,
            MoEConfig(
                strategy=strategy,
                num_experts=shape.num_experts,
                top_k=top_k,
                capacity_factor=capacity_factor,
                drop_policy=experiment.drop_policy,
            ),
        )
        for strategy, top_k in top_ks.items()
        for capacity_factor in scale.capacity_factors
    ]
    # a dense model for each active width, so that no arm is compared with twice its FLOPs
    models += [_model(scale, width, None) for width in sorted({dense_width(m) for m in models})]
    for model in models:
        for seed in scale.seeds:
            yield RunSpec(
                tokens=tokens,
                seed=seed,
                device=config.device,
                threads=scale.threads,
                model=model,
                training=scale.training,
            )


def _capacity_run(config: StudyConfig, scale: Scale, tokens: str, num_experts: int) -> RunSpec:
    experiment, size = config.experiments.capacity, scale.capacity
    moe = MoEConfig(
        strategy="softk",
        num_experts=num_experts,
        top_k=experiment.trained_top_k,
        capacity_factor=1.25,
        drop_policy="none",  # what the router wants, not what a capacity taught it
    )
    return RunSpec(
        tokens=tokens,
        seed=scale.seeds[0],
        device=config.device,
        threads=scale.threads,
        model=_model(scale, size.trained_expert_hidden, moe),
        training=scale.training.model_copy(
            update={"steps": size.trained_steps, "evaluate_every": size.trained_steps}
        ),
    )


def check(config: dict[str, Any]) -> StudyConfig:
    """Types and keys by schema, then what the schema cannot say. Raises StudyError."""
    try:
        checked = StudyConfig.model_validate(config)
    except ValidationError as error:
        raise _explain(error) from None
    _one_of("scale", checked.scale, checked.scales)
    experiments = checked.experiments
    for strategy in experiments.unified.strategies:
        _one_of("experiments.unified.strategies", strategy, registry.names())
    _distinct("experiments.unified.strategies", experiments.unified.strategies)
    for name in ("num_experts", "top_k", "capacity_factors"):
        _distinct(f"experiments.capacity.{name}", getattr(experiments.capacity, name))
    for name, scale in checked.scales.items():
        _check_scale(f"scales.{name}", scale, experiments.unified.strategies)
    most, least = max(experiments.capacity.top_k), min(experiments.capacity.num_experts)
    if max(most, experiments.capacity.trained_top_k) > least:
        raise StudyError(
            "experiments.capacity.top_k",
            f"{max(most, experiments.capacity.trained_top_k)} is more than the fewest experts, "
            f"experiments.capacity.num_experts = {least}",
        )
    return checked


def _check_scale(key: str, scale: Scale, strategies: list[str]) -> None:
    shape, training = scale.model, scale.training
    _distinct(f"{key}.seeds", scale.seeds)
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
    for strategy in strategies:
        least = registry.declaration(strategy)["min_top_k"]
        if arm_top_k(strategy, shape.top_k) < least:
            raise StudyError(
                f"{key}.model.top_k",
                f"{shape.top_k} is too few for strategy {strategy!r}, whose router would get no "
                "gradient",
                f"allowed: {least} or more",
            )
    if training.warmup_steps >= training.steps:
        raise StudyError(
            f"{key}.training.warmup_steps",
            f"{training.warmup_steps} leaves nothing of {key}.training.steps = {training.steps}",
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
