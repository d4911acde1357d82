"""Loss-free balancing: sigmoid scores, and a bias that moves the choice towards idle experts."""

import torch
from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The k largest s + b, weighted by s = sigmoid(z). ``balance.update_bias`` moves b."""
    expert_TK = best_experts(logits_TE, context, score=torch.sigmoid)
    weight_TK = logits_TE.gather(1, expert_TK).sigmoid()
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="loss-free",
    source="Auxiliary-loss-free balancing, arXiv 2408.15664, eq. 3 and algorithm 1",
    causal=True,
    group="token",
    router_gradient="task",
    balanced_by="bias",
    gate="sigmoid",
    route=route,
)
