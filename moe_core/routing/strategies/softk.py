"""Mixtral: each token goes to its k best experts, weighted by a softmax over the chosen."""

from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """weights = softmax(top-k logits), which equals softmax over all, then top-k, renormalised.

    k must be at least 2: the softmax of one logit is 1, which would cut the router's gradient.
    """
    expert_TK = best_experts(logits_TE, context)
    weight_TK = logits_TE.gather(1, expert_TK).softmax(-1)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="soft top-k",
    source="Mixtral, arXiv 2401.04088, section 2.1",
    causal=True,
    group="token",
    router_gradient="task",
    min_top_k=2,
    route=route,
)
