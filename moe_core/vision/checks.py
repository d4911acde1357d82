"""What the schema of an image model cannot say. Free of torch."""

from functools import cache

from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig
from moe_core.routing import registry
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig

SOFT_MOE = "soft_moe"  # the strategy of a model with patches, which chooses nothing


@cache
def image_strategies() -> tuple[str, ...]:
    """Strategies that route images: by what they show, in one step.

    Not those that read a token's id or place, as an image has neither, and not those with initial
    weights for experts of two matrices.
    """
    return tuple(
        name
        for name in registry.names()
        if registry.declaration(name)["reads_logits"]
        and not registry.declaration(name)["sequential"]
        and not {"table", "expert_std"} & registry.functions(name)
    )


def check_routing(moe: MoEConfig) -> None:
    """Raise StudyError for a strategy, or an option of it, that images cannot have."""
    if moe.strategy not in image_strategies():
        raise StudyError(
            "strategy",
            f"{moe.strategy!r} does not route images",
            f"allowed: {', '.join(image_strategies())}",
        )
    if moe.shared_hidden:
        raise StudyError("shared_hidden", f"{moe.shared_hidden}: CNNs share no expert", "give 0")


def check_model(config: CnnConfig | ResNetConfig, shape: ImageShape) -> None:
    """Raise StudyError for a model that cannot be built for images of a shape."""
    if isinstance(config, ResNetConfig):
        return
    if config.patch is not None:
        _check_soft(config, config.patch, shape)
    elif config.moe is not None:
        check_routing(config.moe)
        if not config.gate_channels:
            raise StudyError("gate_channels", "is empty, and routed images need a gating CNN")
    side, stages = config.patch or shape.size, len(config.channels)
    if side < 2**stages:
        raise StudyError(
            "channels",
            f"{stages} stages halve a side of {side} pixels to nothing",
            f"allowed: {side.bit_length() - 1} stages at most",
        )


def _check_soft(config: CnnConfig, patch: int, shape: ImageShape) -> None:
    moe = config.moe
    if shape.size % patch:
        raise StudyError("patch", f"{patch} does not divide a side of {shape.size} pixels")
    if moe is None or moe.strategy != SOFT_MOE:
        raise StudyError("patch", "only Soft MoE has patches", f"give strategy {SOFT_MOE}")
    if moe.jitter or moe.bias_rate or moe.shared_hidden or config.gate_channels:
        raise StudyError(
            "patch",
            "Soft MoE has no gate, jitter, bias or shared expert",
            "give gate_channels [] and 0 for the others",
        )
