"""Dropless experts on ``grouped_mm``: rows sorted by expert, every product of all experts at once.

No host synchronisation: offsets stay on the device, and what was dropped sorts behind the last.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.dispatch.activations import activate
from moe_core.dispatch.kinds import GROUPED_ROW_BYTES
from moe_core.dispatch.static import combine_rows, sort_kept
from moe_core.dispatch.weights import ExpertWeights
from moe_core.errors import StudyError
from moe_core.routing.routing import Routing


def takes(x_AD: Tensor, weights: ExpertWeights) -> bool:
    """Whether ``grouped_mm`` takes rows of this precision and of these widths."""
    widths = (x_AD.shape[1], weights.out_EDF.shape[2])
    odd = any(width * x_AD.element_size() % GROUPED_ROW_BYTES for width in widths)
    return x_AD.dtype != torch.float64 and not odd


def check_takes(x_AD: Tensor, weights: ExpertWeights) -> None:
    """Raise StudyError where it does not."""
    if not takes(x_AD, weights):
        raise StudyError(
            "dispatch",
            f"grouped_mm asks for rows of a multiple of {GROUPED_ROW_BYTES} bytes, "
            f"not for widths {x_AD.shape[1]} and {weights.out_EDF.shape[2]} in {x_AD.dtype}",
            "change model.dim and model.expert_hidden, or let auto choose",
        )


def grouped(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W."""
    x_AD, row_A, end_E = sorted_rows(x_TD, routing)
    return combine_rows(products(x_AD, end_E, weights), row_A, routing)


def products(x_AD: Tensor, end_E: Tensor, weights: ExpertWeights) -> Tensor:
    """The experts on their rows, which end at end_E. Raises StudyError for widths not taken."""
    check_takes(x_AD, weights)
    pre_AH = F.grouped_mm(x_AD, weights.in_EHD.transpose(1, 2), offs=end_E)
    act_AF = activate(pre_AH, weights.activation)
    return F.grouped_mm(act_AF, weights.out_EDF.transpose(1, 2), offs=end_E)


def sorted_rows(x_TD: Tensor, routing: Routing) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the assignments by expert, the row of each assignment, where each expert ends."""
    order_A, end_E = sort_kept(routing)
    row_A = torch.empty_like(order_A)
    row_A[order_A] = place_A = torch.arange(len(order_A), device=order_A.device)
    # zeros behind the last offset: grouped_mm leaves those rows of its output as they were
    used_A1 = (place_A < end_E[-1]).unsqueeze(1)
    return torch.where(used_A1, x_TD.index_select(0, routing.token_A[order_A]), 0), row_A, end_E
