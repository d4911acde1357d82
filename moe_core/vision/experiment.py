"""What the experiment on images compares, as ``config.yaml`` has it. Free of torch."""

from typing import Annotated, Literal, get_args

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from moe_core.strict import Strict
from moe_core.training.config import ImageTrainingConfig

Balance = Literal["none", "switch", "cv", "bias", "marginal_entropy", "token_entropy"]
BALANCES: tuple[Balance, ...] = get_args(Balance)
BALANCE_NAMES = {
    "none": "no balance",
    "switch": "Switch loss",
    "cv": "CV loss",
    "bias": "bias",
    "marginal_entropy": "entropy of mean gate",
    "token_entropy": "entropy of each gate",
}


def balance_name(balance: str, weight: float) -> str:
    """``Switch loss 0.01``; empty where the strategy itself evens out load."""
    if balance == "none":
        return BALANCE_NAMES["none"]
    known = BALANCE_NAMES.get(balance)
    return f"{known} {weight:g}" if known else ""


class Mixture(Strict):
    """A mixture of CNNs by a gating CNN, or Soft MoE."""

    strategy: str = Field(description="As routers of language models have it, or soft_moe.")
    num_experts: Annotated[int, Field(ge=2)] = Field(description="E.")
    top_k: PositiveInt = Field(
        description="K; E for a dense mixture, whose gate is soft. Soft MoE chooses nothing: 1."
    )


class BalanceArm(Strict):
    """What keeps the load of one mixture even, in place of the Switch loss."""

    by: Balance = Field(description="Loss of the gate, or bias of the choice.")
    weight: NonNegativeFloat = Field(description="Of the loss, or step of the bias; 0 for none.")


class VisionConfig(Strict):
    """Mixtures of CNNs, dense CNNs of equal cost, and what balances a mixture."""

    mixtures: list[Mixture] = Field(
        min_length=1,
        description="Each has a dense CNN of its active FLOPs and one of its size beside it.",
    )
    capacity_factor: PositiveFloat = Field(
        description="cf of experts that choose, and of the slots of Soft MoE; other mixtures drop "
        "nothing."
    )
    balanced: Mixture = Field(description="The mixture that is trained with each balance.")
    balances: list[BalanceArm] = Field(description="Those.")
    resnet: bool = Field(description="ResNet-18 (arXiv 1512.03385) beside them.")
    learning_rate_factors: list[PositiveFloat] = Field(
        description="Times the strategy's own rate, on the seeds of learning_rate."
    )


class VisionCost(Strict):
    """How inference is timed."""

    batch_sizes: list[PositiveInt] = Field(min_length=1, description="Images of a forward pass.")
    repeats: Annotated[int, Field(ge=2)] = Field(description="Timed repeats; the median counts.")


class ScaleVision(Strict):
    """How much of the experiment on images."""

    seeds: list[NonNegativeInt] = Field(min_length=1, description="Paired seeds of each arm.")
    most: PositiveInt | None = Field(
        description="Of its mixtures, and of its balances, the first so many; null for all."
    )
    channels: list[PositiveInt] = Field(
        min_length=2,
        description="Of each stage of an expert; each halves the side of the image.",
    )
    gate_channels: list[PositiveInt] = Field(
        min_length=1, description="Of each stage of the gating CNN."
    )
    patch: PositiveInt = Field(description="Side of the patches that Soft MoE mixes, in pixels.")
    resnet_width: PositiveInt = Field(description="Channels of ResNet-18's first stage; 64 there.")
    training: ImageTrainingConfig
    learning_rates: dict[str, PositiveFloat] = Field(
        description="Peak rates of strategies, `dense` or `resnet18` that differ from training's."
    )
    tuned: bool = Field(description="Whether rates are tuned.")
    cost: VisionCost
