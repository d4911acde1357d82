"""Experts on buffers of equal size: one batched product for all, empty slots as zeros."""

import torch
from torch import Tensor

from moe_core.dispatch.activations import activate
from moe_core.dispatch.static import combine_rows, sort_kept
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def padded(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W.

    Slots of an expert: what capacity leaves it at most, or where nothing limits it as many as the
    fullest one needs, which the host must wait for.
    """
    num_experts = routing.num_experts
    order_A, end_E = sort_kept(routing)
    start_E = torch.cat([end_E.new_zeros(1), end_E[:-1]])
    slots = max(1, routing.most_kept or int((end_E - start_E).max()))
    # slot of each assignment in sorted order; one more row at the end takes what was dropped
    expert_A = routing.expert_A[order_A]
    place_A = torch.arange(len(order_A), device=order_A.device) - start_E[expert_A]
    used_A = routing.kept_A[order_A]
    slot_A = torch.where(used_A, expert_A * slots + place_A, num_experts * slots)
    row_A = torch.empty_like(slot_A)
    row_A[order_A] = slot_A.clamp(max=num_experts * slots - 1)

    x_PD = x_TD.new_zeros(num_experts * slots + 1, x_TD.shape[1])
    x_PD = x_PD.index_copy(0, slot_A, x_TD.index_select(0, routing.token_A[order_A]))
    x_ECD = x_PD[:-1].view(num_experts, slots, -1)
    act_ECF = activate(torch.bmm(x_ECD, weights.in_EHD.transpose(1, 2)), weights.activation)
    y_ECD = torch.bmm(act_ECF, weights.out_EDF.transpose(1, 2))
    return combine_rows(y_ECD.flatten(0, 1), row_A, routing)
