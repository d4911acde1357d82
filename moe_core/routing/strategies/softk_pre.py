"""OLMoE: softmax over all experts, then the k best, not renormalised."""

from moe_core.routing.strategies import top1
from moe_core.routing.strategy import Strategy

STRATEGY = Strategy(
    label="softmax, then top-k",
    source="OLMoE, arXiv 2409.02060, section 2",
    causal=True,
    group="token",
    router_gradient="task",
    # top-1's weights p_te = softmax(z), of the k best: they sum to less than 1
    route=top1.route,
)
