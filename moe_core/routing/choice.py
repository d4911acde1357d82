"""How tokens choose by logit, with the bias that balances the choice where there is one."""

from collections.abc import Callable

import torch
from torch import Tensor

from moe_core.routing.strategy import RouteContext


def _softmax(logits_TE: Tensor) -> Tensor:
    return torch.softmax(logits_TE, -1)


def wanted(
    logits_TE: Tensor, context: RouteContext, score: Callable[[Tensor], Tensor] = _softmax
) -> Tensor:
    """What tokens choose by: logits, or score(z) + bias where there is one.

    Scores are bounded, so that one step of the bias weighs the same whatever the scale of the
    logits; they grow with the logits, whose order alone decides where there is no bias.
    """
    bias_E = context.state.get("bias_E")
    return logits_TE if bias_E is None else score(logits_TE) + bias_E


def best_experts(
    logits_TE: Tensor, context: RouteContext, score: Callable[[Tensor], Tensor] = _softmax
) -> Tensor:
    """expert_TK: the K that are wanted most, best first (arXiv 2408.15664, eq. 3).

    The bias moves the choice only: combine weights are taken from unbiased scores.
    """
    return wanted(logits_TE, context, score).topk(context.top_k, dim=-1).indices
