"""What is adapted and how, as data, in the words of the library peft. Free of torch."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from moe_core.model.config import MoEConfig
from moe_core.strict import Strict

Method = Literal["perft_r", "perft_e", "perft_d", "perft_s", "lora", "full"]
Task = Literal["stories", "commonsense"]
# parameters of LoRA of rank 1 on a linear layer of our blocks, in multiples of D
OWN_LINEAR = {"attention.qkv": 4, "attention.out": 2}


class AdapterConfig(Strict):
    """Adapters of one run.

    With an MoE layer ``h + sum_i G(h)_i E_i(h)`` (residual h before the norm left out), frozen
    experts E and router G, and adapters ``D_j(h) = (lora_alpha / r) B_j A_j h`` (LoRA, arXiv
    2106.09685, eq. 3; B = 0 at the start), PERFT (arXiv 2411.08212, section 3.2) adds

    - ``perft_r``: ``sum_j G'(h)_j D_j(h)`` with a router G' of its own;
    - ``perft_e``: ``sum_i G(h)_i D_i(h)``, an adapter in each expert, chosen and weighed with it;
    - ``perft_d``: ``sum_j D_j(h)``, all of them for every token;
    - ``perft_s``: ``D_0(h)``.

    ``lora``: ``D(h)`` beside linear layers, here those of attention, which know of no expert.
    ``full``: no adapter, all weights of the base are trained.
    """

    peft_type: Method = Field(description="Where adapters are, and who chooses among them.")
    r: NonNegativeInt = Field(description="Rank of an adapter; 0 for full fine-tuning.")
    lora_alpha: NonNegativeFloat = Field(description="What they add is scaled by lora_alpha / r.")
    num_adapters: PositiveInt = Field(description="N, adapters of a layer (perft_r, perft_d).")
    routing: MoEConfig | None = Field(description="Of perft_r: strategy, N, K, capacity.")
    target_modules: list[str] | None = Field(
        description="Names, or ends of names, of the modules; null for all MoE layers."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "AdapterConfig":
        if (self.peft_type == "perft_r") != (self.routing is not None):
            raise ValueError("perft_r has a routing, and nothing else has")
        if self.routing and self.routing.num_experts != self.num_adapters:
            raise ValueError("routing.num_experts is num_adapters")
        if (self.peft_type == "full") != (self.r == 0):
            raise ValueError("full fine-tuning has rank 0, and nothing else has")
        if self.peft_type == "lora" and not self.target_modules:
            raise ValueError("lora needs target_modules")
        return self

    @property
    def scaling(self) -> float:
        """What an adapter's output is multiplied by."""
        return self.lora_alpha / self.r if self.r else 0.0
