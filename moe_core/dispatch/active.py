"""Few tokens, as a decoder has them: ``grouped_mm`` on sorted rows in as few operations as can be.

There the time goes into their number, not into arithmetic.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.dispatch.grouped import check_takes
from moe_core.dispatch.kinds import ExpertKind
from moe_core.dispatch.reference import between, combine
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def active(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W. A compiler calls it as it stands."""
    check_takes(x_TD, weights)
    if torch.compiler.is_compiling() and not torch.is_grad_enabled():
        entries = (routing.token_A, routing.expert_A, routing.weight_A, routing.kept_A)
        return _opaque(x_TD, *entries, routing.num_experts, *weights)
    if not routing.kept_A.all():  # waits for the host, where ``grouped`` does not
        routing = routing.where(routing.kept_A)
    order_A = routing.by_expert_A
    token_A, end_E = routing.token_A[order_A], routing.load_E().cumsum(0, dtype=torch.int32)
    pre_AH = F.grouped_mm(x_TD[token_A], weights.in_EHD.transpose(1, 2), offs=end_E)
    act_AF = between(pre_AH, weights.activation)
    y_AD = F.grouped_mm(act_AF, weights.out_EDF.transpose(1, 2), offs=end_E)
    return combine(y_AD, token_A, routing.weight_A[order_A], len(x_TD))


# a compiler knows neither the sort, which is numpy's, nor ``grouped_mm`` in fp32
@torch.library.custom_op("moe_core::active", mutates_args=())
def _opaque(
    x_TD: Tensor,
    token_A: Tensor,
    expert_A: Tensor,
    weight_A: Tensor,
    kept_A: Tensor,
    num_experts: int,
    in_EHD: Tensor,
    out_EDF: Tensor,
    activation: str,
) -> Tensor:
    routing = Routing(token_A, expert_A, weight_A, kept_A, len(x_TD), num_experts)
    return active(x_TD, routing, ExpertWeights(in_EHD, out_EDF, cast(ExpertKind, activation)))


@_opaque.register_fake
def _shape(x_TD: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x_TD)
