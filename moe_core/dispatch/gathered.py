"""Few tokens under a compiler: each assignment reads its expert where it lies, without a sort.

A compiler makes one loop of picking a matrix, multiplying and adding up, so that nothing is copied.
"""

import torch
from torch import Tensor

from moe_core.dispatch.reference import between
from moe_core.dispatch.static import combine_rows
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def gathered(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W."""
    expert_A = routing.expert_A
    # what was dropped is masked, or its NaN would reach the gradient of its expert
    x_AD = torch.where(routing.kept_A.unsqueeze(1), x_TD[routing.token_A], 0)
    pre_AH = (weights.in_EHD[expert_A] * x_AD.unsqueeze(1)).sum(-1)
    act_AF = between(pre_AH, weights.activation)
    y_AD = (weights.out_EDF[expert_A] * act_AF.unsqueeze(1)).sum(-1)
    return combine_rows(y_AD, torch.arange(len(expert_A), device=expert_A.device), routing)
