"""Chain of Experts: k experts one after another, each chosen by a router of its own."""

from moe_core.routing.strategies import top1
from moe_core.routing.strategy import Strategy

STRATEGY = Strategy(
    label="chain of experts",
    source="Chain-of-Experts, arXiv 2506.18945, section 2",
    causal=True,
    group="token",
    router_gradient="task",
    min_top_k=2,
    sequential=True,
    # each step is a top-1 choice; the layer feeds what it adds to the next
    route=top1.route,
)
