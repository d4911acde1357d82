"""How tokens choose by logit, with the bias that balances the choice where there is one."""

from collections.abc import Callable

import torch
from torch import Tensor

from moe_core.routing.strategy import RouteContext


def _softmax(logits_TE: Tensor) -> Tensor:
    return torch.softmax(logits_TE, -1)


def best_experts(
    logits_TE: Tensor, context: RouteContext, score: Callable[[Tensor], Tensor] = _softmax
) -> Tensor:
    """expert_TK: the K largest of score(z) + bias, best first (arXiv 2408.15664, eq. 3).

    The bias moves the choice only: combine weights are taken from unbiased scores. Scores are
    bounded, so that one step of the bias weighs the same whatever the scale of the logits; they
    grow with the logits, whose order alone decides where there is no bias.
    """
    bias_E = context.state.get("bias_E")
    wanted_TE = logits_TE if bias_E is None else score(logits_TE) + bias_E
    return wanted_TE.topk(context.top_k, dim=-1).indices
