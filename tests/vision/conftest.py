"""Small image models and images for the tests of vision and of its audits."""

from typing import Any

import torch
from torch import Tensor

from moe_core.routing import registry
from moe_core.vision.config import CnnConfig, ImageShape
from moe_core.vision.model import ImageModel, build_image_model
from tests.conftest import moe_of

SHAPE = ImageShape(channels=3, size=8, classes=10)


def images(number: int, shape: ImageShape = SHAPE) -> Tensor:
    """Float64 noise, the same for the same shape."""
    draw = torch.Generator().manual_seed(number)
    size = (number, shape.channels, shape.size, shape.size)
    return torch.randn(size, generator=draw, dtype=torch.float64)


def cnn(
    strategy: str | None,
    channels: tuple[int, ...] = (4, 6),
    patch: int | None = None,
    gate_channels: tuple[int, ...] = (4, 5),
    **moe: Any,
) -> CnnConfig:
    """A small CNN: dense without a strategy, else routed by it; Soft MoE with a patch."""
    plain = strategy if strategy in registry.names() else "softk"
    routing = moe_of(plain, **moe).model_copy(update={"strategy": strategy}) if strategy else None
    gate = list(gate_channels) if strategy and patch is None else []
    return CnnConfig(
        kind="cnn", channels=list(channels), gate_channels=gate, patch=patch, moe=routing
    )


def built(config: Any, shape: ImageShape = SHAPE, seed: int = 0) -> ImageModel:
    """In float64 and evaluation mode."""
    return build_image_model(config, shape, seed).double().eval()
