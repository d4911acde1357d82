"""Measures of a routing: functions of load (before dropping), kept assignments and logits."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def load_cv(load_E: Tensor) -> float:
    """Coefficient of variation of load over experts: population deviation / mean."""
    load_E = load_E.double()
    return float(load_E.std(correction=0) / load_E.mean())


def max_violation(load_E: Tensor) -> float:
    """MaxVio = max load / mean load - 1 (loss-free balancing, arXiv 2408.15664, eq. 4)."""
    load_E = load_E.double()
    return float(load_E.max() / load_E.mean() - 1)


def dead_experts(load_E: Tensor) -> int:
    """Experts that received nothing."""
    return int((load_E == 0).sum())


def router_entropy(logits_TE: Tensor) -> Tensor:
    """Mean entropy in nats of the full distribution softmax(z), whatever was then chosen."""
    log_prob_TE = logits_TE.double().log_softmax(-1)
    return -(log_prob_TE.exp() * log_prob_TE).sum(-1).mean()


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """Total negative log-likelihood in nats over the bytes of the text it predicts."""
    return nats / (math.log(2) * num_bytes)


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Euclidean norm over all gradients, a scalar; a missing gradient counts zero."""
    norms = [p.grad.norm() for p in parameters if p.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())
