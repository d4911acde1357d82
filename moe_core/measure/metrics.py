"""Measures of a routing: functions of load (before dropping), kept assignments and logits."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.routing.routing import Routing


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


def gini(load_E: Tensor) -> float:
    """Gini coefficient of load: 0 where balanced, (E - 1) / E where one expert takes all.

    Half the mean absolute difference over all ordered pairs of experts, over the mean load.
    """
    load_E = load_E.double().sort().values
    rank_E = torch.arange(1, len(load_E) + 1, dtype=load_E.dtype, device=load_E.device)
    lead_E = 2 * rank_E - len(load_E) - 1  # experts below, less experts above
    return float((lead_E * load_E).sum() / (len(load_E) * load_E.sum()))


def router_entropy(logits_TE: Tensor) -> Tensor:
    """Mean entropy in nats of the full distribution softmax(z), whatever was then chosen."""
    log_prob_TE = logits_TE.double().log_softmax(-1)
    return -(log_prob_TE.exp() * log_prob_TE).sum(-1).mean()


def marginal_entropy(prob_sum_E: Tensor) -> float:
    """Entropy in nats of the mean over tokens of softmax(z), from its sum (or mean) over tokens.

    Less the mean `router_entropy` of the same tokens, it is the mutual information of a token and
    an expert drawn from softmax(z): no less than 0, no more than ln E.
    """
    prob_sum_E = prob_sum_E.double()
    return float(torch.special.entr(prob_sum_E / prob_sum_E.sum()).sum())


def top1_margin(logits_TE: Tensor) -> Tensor:
    """Mean over tokens of the largest less the second largest probability of softmax(z)."""
    # the added zero is the second of a lone expert, and of no other
    prob_TE = F.pad(logits_TE.double().softmax(-1), (0, 1))
    first_T, second_T = prob_TE.topk(2).values.unbind(-1)
    return (first_T - second_T).mean()


def coactivation_EE(routing: Routing) -> Tensor:
    """Tokens that chose both expert i and expert j, before dropping; int64, sums over batches.

    Diagonal: tokens that chose i. The counts N_ij and N_i of OLMoE (arXiv 2409.02060, eq. 6).
    """
    chosen_TE = torch.zeros(
        routing.num_tokens, routing.num_experts, dtype=torch.float64, device=routing.token_A.device
    )
    # set, not added: a token that chose an expert twice is one token
    chosen_TE[routing.token_A, routing.expert_A] = 1
    return (chosen_TE.T @ chosen_TE).long()


def coactivation_max(coactivation_EE: Tensor) -> float:
    """Largest P(j chosen | i chosen) over ordered pairs of experts; nan if no token chose two.

    The largest entry N_ij / N_i, i != j, of OLMoE (arXiv 2409.02060, eq. 6): 1 where some expert
    never comes without another. Uniform choice of K experts gives (K - 1) / (E - 1).
    """
    chosen_E = coactivation_EE.diagonal()
    together_EE = coactivation_EE - chosen_E.diag()
    if not together_EE.any():
        return math.nan
    # an expert that nobody chose has no pairs either: 0 / 1
    return float((together_EE.double() / chosen_E.clamp(min=1).unsqueeze(-1)).max())


def saturation(chosen_TE: Tensor, final_TE: Tensor) -> float:
    """Share of the final checkpoint's choices that an earlier one makes too, a mean over tokens.

    Router saturation, OLMoE (arXiv 2409.02060, eq. 5), with |final choice| of each token for its
    k: the same where every token has k experts, and defined where the number varies. Tokens
    without a final choice are left out; nan if none has one. Uniform choice of K experts gives
    K / E, and choosing all gives 1.

    chosen_TE, final_TE: bool, the choices of both checkpoints over the same tokens.
    """
    common_T, size_T = (chosen_TE & final_TE).sum(-1).double(), final_TE.sum(-1)
    return float((common_T / size_T)[size_T > 0].mean())


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """Total negative log-likelihood in nats over the bytes of the text it predicts."""
    return nats / (math.log(2) * num_bytes)


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Euclidean norm over all gradients, a scalar; a missing gradient counts zero."""
    norms = [p.grad.norm() for p in parameters if p.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())
