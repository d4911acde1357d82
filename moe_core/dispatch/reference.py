"""The readable dispatch that every faster one must equal: gather, one expert at a time, combine."""

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.dispatch.kinds import ExpertKind
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def expert(x_AD: Tensor, in_HD: Tensor, out_DF: Tensor, activation: ExpertKind) -> Tensor:
    """One feed-forward network on its rows."""
    return F.linear(between(F.linear(x_AD, in_HD), activation), out_DF)


def between(pre_AH: Tensor, activation: ExpertKind) -> Tensor:
    """act_AF: what stands between the two matrices, in plain operations."""
    if activation == "swiglu":
        gate_AF, up_AF = pre_AH.chunk(2, dim=-1)
        return F.silu(gate_AF) * up_AF
    return pre_AH if activation == "linear" else F.gelu(pre_AH)


def kept_by_expert(routing: Routing) -> tuple[Tensor, Tensor, list[int]]:
    """Kept assignments, sorted by expert: their tokens, their weights, and counts per expert."""
    kept_A = routing.kept_A.nonzero().squeeze(-1)
    by_expert_A = kept_A[torch.sort(routing.expert_A[kept_A], stable=True).indices]
    count_E = torch.bincount(routing.expert_A[kept_A], minlength=routing.num_experts)
    return routing.token_A[by_expert_A], routing.weight_A[by_expert_A], count_E.tolist()


def combine(y_AD: Tensor, token_A: Tensor, weight_A: Tensor, num_tokens: int) -> Tensor:
    """``y_t = sum over kept assignments a of token t: weight_a * y_a``, zero where none is kept."""
    weighted_AD = y_AD * weight_A.unsqueeze(-1).to(y_AD.dtype)
    return y_AD.new_zeros(num_tokens, y_AD.shape[-1]).index_add(0, token_A, weighted_AD)


def reference(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W."""
    token_A, weight_A, counts = kept_by_expert(routing)
    # unbind, not indexing: indexing in a loop builds a full-size gradient per expert
    matrices = zip(weights.in_EHD.unbind(), weights.out_EDF.unbind(), strict=True)
    segments = zip(x_TD.index_select(0, token_A).split(counts), matrices, strict=True)
    y_AD = torch.cat([expert(x_AD, *pair, weights.activation) for x_AD, pair in segments])
    return combine(y_AD, token_A, weight_A, routing.num_tokens)
