"""How tokens choose by score, with the bias that balances the choice where there is one."""

from torch import Tensor

from moe_core.routing.strategy import RouteContext


def best_experts(scores_TE: Tensor, context: RouteContext) -> Tensor:
    """expert_TK: the K largest of score + bias, best first (arXiv 2408.15664, eq. 3).

    The bias moves the choice only: combine weights are taken from unbiased scores.
    """
    bias_E = context.state.get("bias_E")
    biased_TE = scores_TE if bias_E is None else scores_TE + bias_E
    return biased_TE.topk(context.top_k, dim=-1).indices
