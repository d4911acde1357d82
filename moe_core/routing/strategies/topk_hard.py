"""Top-k with equal weights: the choice is learned through the balance loss alone."""

import torch
from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The k largest logits, each with weight 1/k, so no task gradient reaches the router."""
    expert_TK = best_experts(logits_TE, context)
    weight_TK = torch.full_like(expert_TK, 1 / context.top_k, dtype=logits_TE.dtype)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="top-k hard",
    source="equal-weight top-k as a control for learned gates",
    causal=True,
    group="token",
    router_gradient="balance",
    route=route,
)
