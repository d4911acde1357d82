"""Noisy top-k: in training, noise of a learned scale moves the logits before the choice."""

import torch.nn.functional as F
from torch import Tensor

from moe_core.routing.routing import Routing
from moe_core.routing.strategies import softk
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """h = z + N(0, 1) * softplus(W_n x); weights = softmax over the k largest h. No noise, h = z.

    The paper's importance and load losses are replaced by the Switch loss that others have.
    k must be at least 2: the softmax of one logit is 1, which would cut the router's gradient.
    """
    noisy_TE = logits_TE
    if context.noise is not None:
        assert context.noise_logits_TE is not None
        draw_TE = context.noise.normal(*logits_TE.shape).to(logits_TE)
        noisy_TE = logits_TE + draw_TE * F.softplus(context.noise_logits_TE)
    return softk.route(noisy_TE, context)


STRATEGY = Strategy(
    label="noisy top-k",
    source="Sparsely-gated MoE, arXiv 1701.06538, eq. 3 to 5",
    causal=True,
    group="token",
    router_gradient="task",
    min_top_k=2,
    noise_router=True,
    route=route,
)
