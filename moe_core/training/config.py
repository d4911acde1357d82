"""How a run is trained, evaluated and timed, as data. Free of torch."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from moe_core.dispatch.kinds import Backend
from moe_core.strict import Strict

Precision = Literal["fp32", "bf16"]
Device = Literal["cpu", "cuda"]


class HealthConfig(Strict):
    """When a run ends as failed instead of going on."""

    max_loss_over_uniform: PositiveFloat = Field(
        description="Nats above those of a uniform guess that training or validation may lose."
    )
    max_router_logsumexp: PositiveFloat = Field(
        description="Largest root mean square of logsumexp over a router's logits."
    )
    dead_expert_evaluations: PositiveInt | None = Field(
        description="End a run with a dead expert at so many evaluations in a row; null to tell it "
        "only, for a collapse is a result."
    )


class TrainingConfig(Strict):
    """Optimisation of one run."""

    batch_size: PositiveInt = Field(description="B, sequences of a step.")
    seq_len: PositiveInt = Field(description="S, tokens of a sequence.")
    steps: PositiveInt = Field(description="Optimiser steps.")
    learning_rate: PositiveFloat = Field(description="Peak of the schedule.")
    warmup_steps: NonNegativeInt = Field(description="Steps of linear warm-up.")
    final_learning_rate_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Where the cosine ends, as a share of the peak."
    )
    weight_decay: NonNegativeFloat = Field(description="AdamW decay of all matrices.")
    grad_clip: NonNegativeFloat = Field(description="Largest gradient norm; 0 for no limit.")
    switch_coef: NonNegativeFloat = Field(description="Weight of the Switch balance loss.")
    balance_sequences: PositiveInt | None = Field(
        description="Sequences over which the Switch loss counts load (arXiv 2501.11873): 1, a "
        "micro-batch, or null for the whole batch."
    )
    z_coef: NonNegativeFloat = Field(description="Weight of the router z-loss.")
    precision: Precision = Field(description="fp32, or bf16 autocast.")
    compile: bool = Field(description="torch.compile the model.")
    dispatch: Backend = Field(
        description="What multiplies by the routing matrix; auto is the fastest by measurement."
    )
    evaluate_every: PositiveInt = Field(description="Steps between evaluations on valid.")
    valid_tokens: PositiveInt = Field(description="Tokens of valid read at each evaluation.")
    test_tokens: PositiveInt = Field(description="Tokens of test read at the end.")
    health: HealthConfig


class ThroughputConfig(Strict):
    """How optimiser steps are timed."""

    warmup_steps: PositiveInt = Field(description="Steps before the clock starts.")
    repeats: PositiveInt = Field(description="Timed blocks; the median counts.")
    steps_per_repeat: PositiveInt = Field(description="Optimiser steps of a block.")
