"""Few tokens, as a decoder has them: one product for each expert in use, in as few steps as can be.

There the time goes into the number of operations, not into arithmetic.
"""

from collections.abc import Iterable
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.dispatch.reference import between
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def active(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W."""
    kept = routing.kept_A.tolist()
    places: dict[int, list[int]] = {}  # of the kept entries, by expert
    for place, expert in enumerate(routing.expert_A.tolist()):
        if kept[place]:
            places.setdefault(expert, []).append(place)
    if not places:
        return torch.zeros_like(x_TD)
    entry_A = torch.tensor([*chain(*places.values())], device=x_TD.device)
    token_A, rows = routing.token_A[entry_A], [*map(len, places.values())]
    pre_AH = _products(x_TD[token_A], weights.in_EHD, places, rows)
    y_AD = _products(between(pre_AH, weights.activation), weights.out_EDF, places, rows)
    weighted_AD = y_AD * routing.weight_A[entry_A].unsqueeze(1).to(y_AD.dtype)
    return torch.zeros_like(x_TD).index_add(0, token_A, weighted_AD)


def _products(x_AI: Tensor, weights_EOI: Tensor, experts: Iterable[int], rows: list[int]) -> Tensor:
    """The rows of each expert, one expert's after another's, times its matrix."""
    parts = zip(x_AI.split(rows), experts, strict=True)
    return torch.cat([F.linear(x_RI, weights_EOI[expert]) for x_RI, expert in parts])
