"""Control: soft top-k by a random router that never learns."""

from moe_core.routing.strategies import softk
from moe_core.routing.strategy import Strategy

STRATEGY = Strategy(
    label="frozen random router",
    source="control: what a learned choice is worth",
    causal=True,
    group="token",
    router_gradient="none",
    min_top_k=2,
    balanced_by="rule",
    control=True,
    route=softk.route,
)
