"""Adapters made part of the base that they are on, as far as there is a place for them."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.bank import LoraBank
from moe_core.errors import StudyError
from moe_core.routing.routing import Routing


class MergedMap(nn.Module):
    """PERFT-S and PERFT-D: ``M x``, one map (D, D) that is the sum of all adapters of a layer."""

    def __init__(self, bank: LoraBank) -> None:
        super().__init__()
        self.weight = nn.Parameter(bank.merged().sum(0), requires_grad=False)

    def forward(self, x_TD: Tensor, _: Routing | None) -> Tensor:
        """Added to the layer's output."""
        return F.linear(x_TD.to(self.weight.dtype), self.weight)


class MergedMaps(nn.Module):
    """PERFT-E: ``sum_i G(x)_i M_i x``, a map (D, D) for each expert, weighed by the base's G."""

    def __init__(self, bank: LoraBank) -> None:
        super().__init__()
        self.weight_EDD = nn.Parameter(bank.merged(), requires_grad=False)

    def forward(self, x_TD: Tensor, routing: Routing | None) -> Tensor:
        """Added to the layer's output, drops left out as they are of the experts'."""
        assert routing is not None
        y_TD = torch.zeros_like(x_TD)
        for expert, weight_DD in enumerate(self.weight_EDD):
            chosen_A = routing.kept_A & (routing.expert_A == expert)
            token_A, weight_A = routing.token_A[chosen_A], routing.weight_A[chosen_A]
            added_AD = weight_A[:, None] * F.linear(x_TD[token_A].to(weight_DD.dtype), weight_DD)
            y_TD = y_TD.index_add(0, token_A, added_AD.to(y_TD))
        return y_TD


@torch.no_grad()
def merge(model: AdaptedModel) -> nn.Module:
    """A copy of the base's model, by itself and with no adapter left, that computes the same.

    LoRA goes into the weights of its linear layers, ``W + scaling * B A``: what comes back is an
    ordinary model of its kind. A routed layer has no such place: its experts are SwiGLU, or GELU,
    networks, and no change of their matrices adds a linear map to what they compute. So a map of
    full rank stays beside the layer, as its submodule ``merged``: one for all adapters of PERFT-S
    and PERFT-D, one for each expert of PERFT-E. It is D x D instead of 2 r D numbers an adapter,
    so worth its cost only where adapters are many or of high rank. The copy is frozen, as the base
    is.

    Raises StudyError for PERFT-R, whose adapters a router of their own chooses, for full
    fine-tuning, which has none, and for LoRA on a head that is tied to the embedding.
    """
    kind = model.config.peft_type
    if kind in ("perft_r", "full"):
        why = "its own router chooses" if kind == "perft_r" else "there is no adapter"
        raise StudyError("peft_type", f"{kind} cannot be merged: {why}")
    own = deepcopy(model)
    merged = own.base.bare()
    for key, bank in own.adapters.items():
        assert isinstance(bank, LoraBank)
        layer = merged.get_submodule(own.names[key])
        if isinstance(layer, nn.Linear):
            if sum(p is layer.weight for m in merged.modules() for p in m.parameters(False)) > 1:
                raise StudyError(
                    "target_modules",
                    f"{own.names[key]} cannot be merged: another module has the same weight",
                    "untie it, or leave it out",
                )
            layer.weight += bank.merged()[0]
        else:
            added = MergedMaps(bank) if kind == "perft_e" else MergedMap(bank)
            layer.add_module("merged", added)
            own.base.add_to_layer(layer, added)
    return merged
