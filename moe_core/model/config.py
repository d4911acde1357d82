"""What a model is, as data. Free of torch, so that a workflow can be planned with it."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from moe_core.dispatch.kinds import Activation
from moe_core.routing.drop_policy import DropPolicy
from moe_core.routing.router_net import RouterNet
from moe_core.strict import Strict


class MoEConfig(Strict):
    """Routing of every feed-forward layer."""

    strategy: str = Field(description="Name of a file in moe_core/routing/strategies.")
    router: RouterNet = Field(description="Network that scores the experts.")
    num_experts: PositiveInt = Field(description="E, experts of a layer.")
    top_k: PositiveInt = Field(description="K, experts that a token chooses.")
    capacity_factor: PositiveFloat = Field(description="cf in C = ceil(cf * K * S / E).")
    drop_policy: DropPolicy = Field(description="Which assignments lose when slots run out.")
    shared_hidden: NonNegativeInt = Field(
        description="Width of an expert that every token uses (arXiv 2401.06066); 0 for none."
    )
    jitter: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="The router's input is multiplied by U(1 - jitter, 1 + jitter) in training."
    )
    bias_rate: NonNegativeFloat = Field(
        description="Step of the bias that balances choices (arXiv 2408.15664); 0 for none."
    )


class TransformerConfig(Strict):
    """Shape of a model without its vocabulary, which the tokenizer brings."""

    dim: PositiveInt = Field(description="D, model width; heads must divide it.")
    layers: PositiveInt = Field(description="L, blocks.")
    heads: PositiveInt = Field(description="Attention heads; D / heads must be even.")
    ffn_hidden: PositiveInt = Field(description="Hidden width of one expert, or of a dense layer.")
    activation: Activation = Field(description="Feed-forward non-linearity.")
    tied_head: bool = Field(description="Share the output matrix with the embedding.")
    moe: MoEConfig | None = Field(description="Routing, or null for a dense model.")
