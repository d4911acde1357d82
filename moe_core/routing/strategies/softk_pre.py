"""OLMoE: softmax over all experts, then the k best, not renormalised."""

from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """weights = p_te of the k best experts, p = softmax(z); they sum to less than 1."""
    expert_TK = best_experts(logits_TE, context)
    weight_TK = logits_TE.softmax(-1).gather(1, expert_TK)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="softmax, then top-k",
    source="OLMoE, arXiv 2409.02060, section 2",
    causal=True,
    group="token",
    router_gradient="task",
    route=route,
)
