"""Switch: each token goes to its most probable expert, scaled by that probability."""

from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """i = argmax p, weight p_i with p = softmax(z)."""
    expert_T1 = best_experts(logits_TE, context)
    weight_T1 = logits_TE.softmax(-1).gather(1, expert_T1)
    return from_token_choice(expert_T1, weight_T1, context.num_experts)


STRATEGY = Strategy(
    label="top-1",
    source="Switch Transformer, arXiv 2101.03961, eq. 2",
    causal=True,
    group="token",
    router_gradient="task",
    max_top_k=1,
    route=route,
)
