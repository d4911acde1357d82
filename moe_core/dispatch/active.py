"""Few tokens, as a decoder has them: ``grouped_mm`` on sorted rows in as few operations as can be.

There the time goes into their number, not into arithmetic.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.dispatch.grouped import check_takes
from moe_core.dispatch.reference import between, combine
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def active(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W."""
    check_takes(x_TD, weights)
    if not routing.kept_A.all():  # waits for the host, where ``grouped`` does not
        routing = routing.where(routing.kept_A)
    order_A = routing.by_expert_A
    token_A, end_E = routing.token_A[order_A], routing.load_E().cumsum(0, dtype=torch.int32)
    pre_AH = F.grouped_mm(x_TD[token_A], weights.in_EHD.transpose(1, 2), offs=end_E)
    act_AF = between(pre_AH, weights.activation)
    y_AD = F.grouped_mm(act_AF, weights.out_EDF.transpose(1, 2), offs=end_E)
    return combine(y_AD, token_A, routing.weight_A[order_A], len(x_TD))
