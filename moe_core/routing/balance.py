"""Losses that keep a router balanced and its logits small."""

import torch
from torch import Tensor


def switch_loss(logits_TE: Tensor, load_E: Tensor) -> Tensor:
    """``E * sum_i f_i * P_i`` (Switch Transformer, arXiv 2101.03961, eq. 4), 1 when balanced.

    f_i, the share of assignments that expert i received before dropping, is a count and has no
    gradient; P_i, the mean router probability of expert i, carries it.
    """
    share_E = load_E / load_E.sum()
    prob_E = logits_TE.float().softmax(-1).mean(0)
    return logits_TE.shape[-1] * (share_E * prob_E).sum()


def z_loss(logits_TE: Tensor) -> Tensor:
    """``mean(logsumexp(z)^2)`` (ST-MoE, arXiv 2202.08906, eq. 5)."""
    return torch.logsumexp(logits_TE.float(), -1).square().mean()
