"""How a run is trained, evaluated and timed, as data. Free of torch."""

from typing import Annotated, ClassVar, Literal

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


class LoopConfig(Strict):
    """What the optimisation of any run needs."""

    batch_size: PositiveInt = Field(description="B, sequences or images of a step.")
    steps: PositiveInt = Field(description="Optimiser steps.")
    learning_rate: PositiveFloat = Field(description="Peak of the schedule.")
    warmup_steps: NonNegativeInt = Field(description="Steps of linear warm-up.")
    final_learning_rate_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Where the cosine ends, as a share of the peak."
    )
    grad_clip: NonNegativeFloat = Field(description="Largest gradient norm; 0 for no limit.")
    switch_coef: NonNegativeFloat = Field(description="Weight of the Switch balance loss.")
    z_coef: NonNegativeFloat = Field(description="Weight of the router z-loss.")
    precision: Precision = Field(description="fp32, or bf16 autocast.")
    compile: bool = Field(description="torch.compile the model.")
    evaluate_every: PositiveInt = Field(description="Steps between evaluations on valid.")
    health: HealthConfig

    def loss_weights(self) -> dict[str, float]:
        """Of the terms besides the task (``loop.auxiliary_losses``), by name."""
        return {"switch": self.switch_coef, "z": self.z_coef, "own": 1.0}


class TrainingConfig(LoopConfig):
    """Optimisation of a language model, by AdamW."""

    seq_len: PositiveInt = Field(description="S, tokens of a sequence.")
    weight_decay: NonNegativeFloat = Field(description="AdamW decay of all matrices.")
    balance_sequences: PositiveInt | None = Field(
        description="Sequences over which the Switch loss counts load (arXiv 2501.11873): 1, a "
        "micro-batch, or null for the whole batch."
    )
    dispatch: Backend = Field(
        description="What multiplies by the routing matrix; auto is the fastest by measurement."
    )
    valid_tokens: PositiveInt = Field(description="Tokens of valid read at each evaluation.")
    test_tokens: PositiveInt = Field(description="Tokens of test read at the end.")


class ImageTrainingConfig(LoopConfig):
    """Optimisation of an image model, by stochastic gradient descent. An image is a token."""

    seq_len: ClassVar[int] = 1
    balance_sequences: ClassVar[None] = None
    dispatch: ClassVar[Backend] = "auto"

    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(description="Nesterov momentum.")
    weight_decay: NonNegativeFloat = Field(description="Decay of all parameters.")
    shift: NonNegativeInt = Field(description="Largest random shift of an image, in pixels.")
    flip: bool = Field(description="Mirror half of the images; not where sides mean something.")
    cv_coef: NonNegativeFloat = Field(
        description="Weight of the squared coefficient of variation of importance (arXiv "
        "1701.06538, eq. 7)."
    )
    marginal_entropy_coef: NonNegativeFloat = Field(
        description="Weight of ln E less the entropy of the mean gate: a penalty on uneven use."
    )
    token_entropy_coef: NonNegativeFloat = Field(
        description="Weight of ln E less the mean entropy of each image's gate: a penalty on "
        "decided gates."
    )

    def loss_weights(self) -> dict[str, float]:
        return super().loss_weights() | {
            "cv": self.cv_coef,
            "marginal_entropy": self.marginal_entropy_coef,
            "token_entropy": self.token_entropy_coef,
        }


class ThroughputConfig(Strict):
    """How optimiser steps are timed."""

    warmup_steps: PositiveInt = Field(description="Steps before the clock starts.")
    repeats: PositiveInt = Field(description="Timed blocks; the median counts.")
    steps_per_repeat: PositiveInt = Field(description="Optimiser steps of a block.")
