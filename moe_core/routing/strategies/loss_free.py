"""Loss-free balancing: sigmoid scores, and a bias that moves the choice towards idle experts."""

from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The k largest s + b, weighted by s = sigmoid(z). ``balance.update_bias`` moves b."""
    scores_TE = logits_TE.sigmoid()
    expert_TK = best_experts(scores_TE, context)
    return from_token_choice(expert_TK, scores_TE.gather(1, expert_TK), context.num_experts)


STRATEGY = Strategy(
    label="loss-free",
    source="Auxiliary-loss-free balancing, arXiv 2408.15664, eq. 3 and algorithm 1",
    causal=True,
    group="token",
    router_gradient="task",
    balanced_by="bias",
    route=route,
)
