"""Rows of the table of runs: what a training or timing job needs, its id, and its JSON.

Apart from ``study``, so that a change to how a configuration is read leaves results as they are.
Free of torch.
"""

from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from moe_core.adapters.config import AdapterConfig, Task
from moe_core.dispatch.kinds import Backend
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.provenance import canonical_json, data_digest
from moe_core.routing import registry
from moe_core.strict import Strict
from moe_core.training.config import (
    Device,
    ImageTrainingConfig,
    Precision,
    ThroughputConfig,
    TrainingConfig,
)
from moe_core.vision.config import ImageModelConfig, ImageShape, ResNetConfig


class JobSpec(Strict):
    """What every row of the table of runs has."""

    seed: int
    device: Device
    threads: int
    world_size: int
    training: TrainingConfig | ImageTrainingConfig
    expert_parallel: bool = False  # so that rows of before there was a choice can be read

    @property
    @abstractmethod
    def data_name(self) -> str:
        """Of the encoded stories, or the images, that the run is trained on."""


class TextSpec(JobSpec):
    """What a row has that reads text."""

    tokens: str
    training: TrainingConfig

    @property
    def data_name(self) -> str:
        return self.tokens


class RunSpec(TextSpec):
    """All that the training of a language model needs, besides the tokens."""

    model: TransformerConfig

    def all_routing(self) -> list[MoEConfig]:
        """How every routed layer routes."""
        return [self.model.moe] if self.model.moe else []


class TrainedBase(Strict):
    """A model of this study, frozen where its training ended."""

    kind: Literal["run"]
    run: str
    model: TransformerConfig

    @property
    def name(self) -> str:
        """What it is known by, as a model of the hub is by its name."""
        return self.run


class HubModel(Strict):
    """A mixture of experts of transformers, by hub name or path."""

    kind: Literal["hub"]
    name: str
    revision: str | None


class ImageSpec(JobSpec):
    """All that the training of an image model needs, besides the images.

    images: their name. shape: what they are like.
    """

    images: str
    shape: ImageShape
    training: ImageTrainingConfig
    model: ImageModelConfig

    @property
    def data_name(self) -> str:
        return self.images

    def all_routing(self) -> list[MoEConfig]:
        """How every routed layer routes: Soft MoE chooses nothing, so it routes nothing."""
        model = self.model
        if isinstance(model, ResNetConfig) or model.patch is not None or model.moe is None:
            return []
        return [model.moe]


class AdapterSpec(TextSpec):
    """All that the training of adapters needs, besides base, data and tokens.

    tokens: that the base knows. data: what it is adapted to, by name. valid_questions: read at each
    evaluation, where it is questions.
    """

    task: Task
    data: str
    valid_questions: int
    base: TrainedBase | HubModel = Field(discriminator="kind")
    adapter: AdapterConfig

    def all_routing(self) -> list[MoEConfig]:
        """How every routed layer routes, where that is a strategy of the bench."""
        own = self.base.model.moe if isinstance(self.base, TrainedBase) else None
        return [moe for moe in (own, self.adapter.routing) if moe]


Row = RunSpec | AdapterSpec | ImageSpec


class ShapeSpec(Strict):
    """What the speed of a run depends on; runs that differ in seed or rates share one."""

    tokens: str
    device: Device
    model: TransformerConfig
    batch_size: int
    seq_len: int
    precision: Precision
    compile: bool
    dispatch: Backend
    throughput: ThroughputConfig


def canonical(spec: Strict) -> str:
    """The one JSON text of a row."""
    return canonical_json(spec.model_dump(mode="json"))


def model_slug(model: TransformerConfig) -> str:
    """Readable name of a model, e.g. ``softk-e8k2-cf1.25``; modifiers follow, if any."""
    if model.moe is None:
        return f"dense-f{model.ffn_hidden}"
    moe = model.moe
    limit = "dropless" if moe.drop_policy == "none" else f"cf{moe.capacity_factor:g}"
    modifiers = {
        moe.router: moe.router != "linear",
        f"shared{moe.shared_hidden}": moe.shared_hidden,
        f"jitter{moe.jitter:g}": moe.jitter,
        f"bias{moe.bias_rate:g}": moe.bias_rate,
    }
    parts = [moe.strategy, f"e{moe.num_experts}k{moe.top_k}", limit]
    return "-".join(parts + [name for name, present in modifiers.items() if present])


def adapter_slug(adapter: AdapterConfig) -> str:
    """Readable name of adapters, e.g. ``perft_r-n8k2-r16``."""
    many, top_k = adapter.num_adapters, adapter.routing.top_k if adapter.routing else None
    count = f"n{many}k{top_k}" if top_k else f"n{many}" if many > 1 else ""
    rank = f"r{adapter.r}" if adapter.r else ""
    return "-".join(part for part in (adapter.peft_type, count, rank) if part)


def image_model_slug(model: ImageModelConfig) -> str:
    """Readable name of an image model, e.g. ``image-top1-e8k1``; all begin with ``image-``."""
    if model.kind == "resnet18":
        return f"image-resnet18-w{model.width}"
    moe, stages = model.moe, "x".join(map(str, model.channels))
    if moe is None:
        return f"image-dense-{stages}"
    if model.patch is not None:
        return f"image-{moe.strategy}-e{moe.num_experts}-p{model.patch}"
    limit = {f"cf{moe.capacity_factor:g}": moe.drop_policy != "none"}
    modifiers = limit | {
        moe.router: moe.router != "linear",
        f"jitter{moe.jitter:g}": moe.jitter,
        f"bias{moe.bias_rate:g}": moe.bias_rate,
    }
    parts = ["image", moe.strategy, f"e{moe.num_experts}k{moe.top_k}"]
    return "-".join(parts + [name for name, present in modifiers.items() if present])


def image_slug(run: ImageSpec) -> str:
    """Readable name of an image run: the model's, and of one that routes its balance losses."""
    balance = gate_losses(run.training) if run.all_routing() else {}
    return "-".join([image_model_slug(run.model), *(f"{n}{w:g}" for n, w in balance.items())])


def gate_losses(training: ImageTrainingConfig) -> dict[str, float]:
    """The losses that even out load, by name, and their weights."""
    weights = training.loss_weights()
    return {name: w for name, w in weights.items() if w and name not in ("own", "z")}


def base_files(base: TrainedBase | HubModel, results: Path) -> list[Path]:
    """Files on this disk that a base is read from, none of one that is on the hub."""
    if isinstance(base, TrainedBase):
        return [results / "runs" / base.run / "weights.safetensors"]
    folder = Path(base.name)
    return sorted([*folder.glob("*.safetensors"), *folder.glob("config.json")])


def data_folder(row: AdapterSpec, results: Path) -> Path:
    """Where the splits are that adapters learn from and are tested on."""
    return results / {"stories": "tokens", "commonsense": "data"}[row.task] / row.data


def read_row(row: dict[str, Any]) -> Row:
    """A row of the table of runs."""
    kind = AdapterSpec if "adapter" in row else ImageSpec if "images" in row else RunSpec
    return kind.model_validate(row)


def cell_name(run: Row) -> str:
    """Name of the cell of a run: what its runs over seeds share, apart from tokens and steps."""
    if isinstance(run, ImageSpec):
        return f"{image_slug(run)}-lr{run.training.learning_rate:g}"
    training = run.training
    if isinstance(run, AdapterSpec):
        return f"{adapter_slug(run.adapter)}-lr{training.learning_rate:g}"
    scope = f"-over{training.balance_sequences}" if training.balance_sequences else ""
    return (
        f"{model_slug(run.model)}-d{run.model.dim}-a{training.switch_coef:g}{scope}"
        f"-lr{training.learning_rate:g}"
    )


def run_id(spec: Row) -> str:
    """Slug and hash of a run. Looked up, never parsed."""
    digest = data_digest(spec.model_dump(mode="json"))[:10]
    match spec:
        case AdapterSpec():
            slug = adapter_slug(spec.adapter)
        case ImageSpec():
            slug = image_slug(spec)
        case RunSpec():
            slug = model_slug(spec.model)
    return f"{slug}-s{spec.seed}-{digest}"


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
        dispatch=training.dispatch,
        throughput=timing,
    )


def dense_width(model: TransformerConfig) -> int:
    """Hidden width of the dense layer with the active FLOPs of a model's experts.

    A token reaches K experts of width F, before drops, or cf * K on average (at most E) where
    experts fill their capacity, and the shared expert.
    """
    if model.moe is None:
        return model.ffn_hidden
    moe = model.moe
    if not registry.declaration(moe.strategy)["fills_capacity"]:
        return moe.top_k * model.ffn_hidden + moe.shared_hidden
    reached = min(moe.top_k * moe.capacity_factor, moe.num_experts)
    return round(reached * model.ffn_hidden) + moe.shared_hidden
