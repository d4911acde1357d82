"""GShard: the best expert always, the second with a probability that follows its weight."""

import torch
from torch import Tensor

from moe_core.routing.routing import Routing
from moe_core.routing.strategies import softk
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """g: p of the two best, normalised. In training the second is used if 2 g_2 > U(0, 1).

    GShard's balance loss counts first choices; here it is the Switch loss, of all that are used.
    Causal because capacity fills token by token here; GShard fills all first choices before any
    second one, so that a later token's first choice can displace an earlier token's second.
    """
    routing = softk.route(logits_TE, context)
    if context.noise is None:
        return routing
    weight_T2 = routing.weight_A.view(-1, 2)
    draw_T = context.noise.uniform(len(weight_T2)).to(weight_T2)
    used_T2 = torch.stack([torch.ones_like(draw_T) > 0, 2 * weight_T2[:, 1] > draw_T], dim=1)
    return routing.where(used_T2.flatten())


STRATEGY = Strategy(
    label="GShard top-2",
    source="GShard, arXiv 2006.16668, algorithm 1",
    causal=True,
    group="token",
    router_gradient="task",
    min_top_k=2,
    max_top_k=2,
    route=route,
)
