"""Which runs a claim speaks of, and what is read of them."""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from moe_core.adapters.labels import LABELS
from moe_core.configuration import SweepName
from moe_core.routing import registry
from moe_core.routing.router_net import RouterNet, RouterPrecision
from moe_core.strict import Strict
from moe_core.vision.checks import SOFT_MOE
from moe_core.vision.experiment import Balance

RESNET = "resnet18"
Experiment = Literal["unified", SweepName, "perft", "precision", "vision"]
EXPERIMENTS: tuple[Experiment, ...] = get_args(Experiment)
Measure = Literal[
    "bits_per_byte",
    "bits_per_byte_at_capacity",
    "perplexity",
    "accuracy",
    "drop_rate",
    "drop_rate_excess",
    "token_drop_rate",
    "load_cv",
    "max_vio",
    "gini",
    "dead_experts",
    "router_entropy_nats",
    "tokens_per_s",
    "steps_to_target",
    "space_primary_share",
    "space_primary_share_gain",
    "class_nats_gain",
    "class_less_story_nats",
    "class_nmi",
    "class_nmi_gain",
    "class_nmi_learned",
    "agreement_across_strategies",
    "agreement_across_strategies_gain",
    "agreement_gap",
    "first_changed_local",
    "set_changed_local",
    "first_changed_compounded",
    "set_changed_compounded",
]
Extreme = Literal["smallest", "largest"]


def known(strategy: str) -> str:
    """The name of a strategy, control or method of adaptation. Raises ValueError for another."""
    allowed = [*registry.names(), SOFT_MOE, "dense", RESNET, "ngram", *LABELS]
    if strategy not in allowed:
        raise ValueError(f"unknown strategy {strategy!r}; allowed: {', '.join(allowed)}")
    return strategy


Strategy = Annotated[str, AfterValidator(known)]
Strategies = Annotated[list[Strategy], Field(min_length=2)]


class Arm(Strict):
    """Runs of an experiment that differ in the seed alone.

    The columns of the summary must equal the values given. Of what is left, an extreme keeps the
    smallest or largest value of its column, in the order of the fields below. Load is balanced over
    some sequences or the whole batch, for which the column is empty.
    minus_dense: values less those of the dense model of equal active FLOPs, seed by seed.
    """

    experiment: Experiment
    strategy: Strategy | None = None
    router: RouterNet | None = None
    router_precision: RouterPrecision | None = None
    num_experts: PositiveInt | None = None
    capacity_factor: PositiveFloat | None = None
    ffn_hidden: PositiveInt | None = None
    shared_hidden: NonNegativeInt | None = None
    dim: PositiveInt | Extreme | None = None
    switch_coef: NonNegativeFloat | Extreme | None = None
    balance_sequences: PositiveInt | Literal["batch"] | None = None
    jitter: NonNegativeFloat | Extreme | None = None
    bias_rate: NonNegativeFloat | Extreme | None = None
    rank: PositiveInt | None = None
    num_adapters: PositiveInt | None = None
    top_k: PositiveInt | None = None
    matched_trainable: bool | None = None
    matched_active: bool | None = None
    balance: Balance | None = None
    channels: str | None = None
    minus_dense: bool = False

    def of(self, strategy: str) -> "Arm":
        """The arm of a strategy, among arms alike but for it."""
        return self.model_copy(update={"strategy": strategy})

    def filters(self) -> dict[str, Any]:
        """Column to value or extreme."""
        return self.model_dump(exclude_none=True, exclude={"experiment", "minus_dense"})

    def name(self) -> str:
        """Strategy, and what is taken from it."""
        return f"{self.strategy} (less its dense model)" if self.minus_dense else f"{self.strategy}"

    def settings(self) -> str:
        """Experiment and filters but for the strategy."""
        rest = [f"{k} {v}" for k, v in self.filters().items() if k != "strategy"]
        return ", ".join([self.experiment, *rest])

    def __str__(self) -> str:
        return f"{self.name()} ({self.settings()})"


def _unnamed(arm: Arm) -> Arm:
    if arm.strategy is not None:
        raise ValueError("arms alike but for the strategy name none")
    return arm


Unnamed = Annotated[Arm, AfterValidator(_unnamed)]
