"""Expert choice made causal: an expert takes the tokens that score above its running threshold."""

from moe_core.routing import threshold
from moe_core.routing.strategy import Strategy

STRATEGY = Strategy(
    label="expert threshold",
    source="cf. Mixture-of-Depths, arXiv 2404.02258, section 3.5; arXiv 2603.11535",
    causal=True,
    group="token",
    router_gradient="task",
    balanced_by="rule",
    steers_k=True,
    route=threshold.above,
    state=threshold.initial,
    update=threshold.follow_top_k,
)
