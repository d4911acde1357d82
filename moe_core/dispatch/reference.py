"""The readable dispatch that every faster one must equal: gather, one expert at a time, combine."""

from collections.abc import Callable

import torch
from torch import Tensor

from moe_core.routing.routing import Routing


def kept_by_expert(routing: Routing) -> tuple[Tensor, Tensor, list[int]]:
    """Kept assignments, sorted by expert: their tokens, their weights, and counts per expert."""
    kept_A = routing.kept_A.nonzero().squeeze(-1)
    by_expert_A = kept_A[torch.sort(routing.expert_A[kept_A], stable=True).indices]
    count_E = torch.bincount(routing.expert_A[kept_A], minlength=routing.num_experts)
    return routing.token_A[by_expert_A], routing.weight_A[by_expert_A], count_E.tolist()


def combine(y_AD: Tensor, token_A: Tensor, weight_A: Tensor, num_tokens: int) -> Tensor:
    """``y_t = sum over kept assignments a of token t: weight_a * y_a``, zero where none is kept."""
    weighted_AD = y_AD * weight_A.unsqueeze(-1).to(y_AD.dtype)
    return y_AD.new_zeros(num_tokens, y_AD.shape[-1]).index_add(0, token_A, weighted_AD)


def dispatch(
    x_TD: Tensor, routing: Routing, experts: Callable[[Tensor, list[int]], Tensor]
) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W.

    experts: maps x_AD, whose rows are grouped by expert, and the count of each group to y_AD.
    """
    token_A, weight_A, counts = kept_by_expert(routing)
    y_AD = experts(x_TD.index_select(0, token_A), counts)
    return combine(y_AD, token_A, weight_A, routing.num_tokens)
