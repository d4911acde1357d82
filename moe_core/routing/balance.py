"""What keeps a router balanced and its logits small: losses, and the bias of its choice."""

import math

import torch
from torch import Tensor

from moe_core.routing.routing import Routing, count


def switch_loss(logits_TE: Tensor, routing: Routing, scope: int) -> Tensor:
    """``E * sum_i f_i * P_i`` (Switch Transformer, arXiv 2101.03961, eq. 4), 1 when balanced.

    f_i, the share of assignments that expert i received before dropping, is a count and has no
    gradient; P_i, the mean router probability of expert i, carries it. Both are taken over
    ``scope`` consecutive tokens, a divisor of T, and the loss is the mean over such groups: one
    sequence, a micro-batch or the global batch (arXiv 2501.11873, section 3).
    """
    num_experts = logits_TE.shape[-1]
    groups = len(logits_TE) // scope
    queue_A = routing.token_A // scope * num_experts + routing.expert_A
    load_GE = count(queue_A, groups * num_experts).view(groups, num_experts)
    share_GE = load_GE / load_GE.sum(-1, keepdim=True).clamp(min=1)
    prob_GE = logits_TE.float().softmax(-1).view(groups, scope, num_experts).mean(1)
    return num_experts * (share_GE * prob_GE).sum(-1).mean()


def cv_loss(logits_TE: Tensor) -> Tensor:
    """``CV(importance)^2``, the sum of softmax(z) over tokens (arXiv 1701.06538, eq. 7).

    0 where the mean gate is even; its largest value is E - 1.
    """
    importance_E = logits_TE.float().softmax(-1).sum(0)
    return importance_E.var(correction=0) / importance_E.mean().square()


def marginal_entropy_loss(logits_TE: Tensor) -> Tensor:
    """``ln E - H(mean over tokens of softmax(z))`` in nats: 0 where use is even.

    It asks nothing of a single token, whose gate may be as decided as it likes.
    """
    mean_E = logits_TE.float().softmax(-1).mean(0)
    return math.log(len(mean_E)) - torch.special.entr(mean_E).sum()


def token_entropy_loss(logits_TE: Tensor) -> Tensor:
    """``ln E - mean over tokens of H(softmax(z))`` in nats: 0 where every gate is uniform.

    It is the marginal entropy loss plus the mutual information of a token and its expert, which it
    so drives out (measure.metrics.marginal_entropy).
    """
    log_prob_TE = logits_TE.float().log_softmax(-1)
    return math.log(logits_TE.shape[-1]) + (log_prob_TE.exp() * log_prob_TE).sum(-1).mean()


@torch.no_grad()
def update_bias(bias_E: Tensor, load_E: Tensor, rate: float) -> None:
    """``b += u * sign(mean load - load)``, in place (arXiv 2408.15664, algorithm 1)."""
    load_E = load_E.double()
    bias_E += rate * torch.sign(load_E.mean() - load_E).to(bias_E.dtype)


def z_loss(logits_TE: Tensor) -> Tensor:
    """``mean(logsumexp(z)^2)`` (ST-MoE, arXiv 2202.08906, eq. 5)."""
    return torch.logsumexp(logits_TE.float(), -1).square().mean()
