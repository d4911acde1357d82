"""What an image model is, as data. Free of torch, so that a workflow can be planned with it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, PositiveInt

from moe_core.model.config import MoEConfig
from moe_core.strict import Strict


class CnnConfig(Strict):
    """One CNN, a mixture of such by a gating CNN, or Soft MoE over patches."""

    kind: Literal["cnn"]
    channels: list[PositiveInt] = Field(
        min_length=1, description="Of each stage of one expert, or of the dense network."
    )
    gate_channels: list[PositiveInt] = Field(
        description="Of each stage of the gating CNN; empty where none is there."
    )
    patch: PositiveInt | None = Field(
        description="Side of the patches that Soft MoE mixes; null for any other."
    )
    moe: MoEConfig | None = Field(description="Routing, or null for a dense network.")


class ResNetConfig(Strict):
    """ResNet-18 for small images."""

    kind: Literal["resnet18"]
    width: PositiveInt = Field(description="Channels of the first stage, 64 in the paper.")


ImageModelConfig = Annotated[CnnConfig | ResNetConfig, Field(discriminator="kind")]


@dataclass(frozen=True)
class ImageShape:
    """What the image set brings: channels, side in pixels, classes."""

    # of a dataclass, strict reading takes no dict, which the row of a summary has
    __pydantic_config__: ClassVar = ConfigDict(strict=False)

    channels: int
    size: int
    classes: int
