"""What the backends with static shapes share: all assignments keep a row, dropped ones too.

Plain autograd operations without host synchronisation, so that a compiler or a CUDA graph can take
them.
"""

import torch
from torch import Tensor

from moe_core.routing.routing import Routing


def sort_kept(routing: Routing) -> tuple[Tensor, Tensor]:
    """order_A: assignments by expert, dropped ones last; end_E, int32: where each expert ends."""
    end_E = routing.kept_per_expert_E().cumsum(0)
    by_expert_A = routing.by_expert_A  # one sort serves capacity and dispatch
    kept_A = routing.kept_A.index_select(0, by_expert_A)
    place_A = torch.where(kept_A, kept_A.cumsum(0) - 1, end_E[-1] + (~kept_A).cumsum(0) - 1)
    order_A = torch.empty_like(by_expert_A).scatter_(0, place_A, by_expert_A)
    return order_A, end_E.to(torch.int32)


def combine_rows(y_PD: Tensor, row_A: Tensor, routing: Routing) -> Tensor:
    """``y_t = sum over kept assignments a of token t: weight_a * y_PD[row_a]``.

    row_A of a dropped assignment may be any row, whatever stands in it.
    """
    # masked before the product, whose gradient would otherwise read what stands there
    y_AD = torch.where(routing.kept_A.unsqueeze(1), y_PD.index_select(0, row_A), 0)
    weighted_AD = y_AD * routing.weight_A.unsqueeze(1).to(y_PD.dtype)
    if routing.per_token:
        return weighted_AD.view(-1, routing.per_token, y_PD.shape[1]).sum(1)
    y_TD = y_PD.new_zeros(routing.num_tokens, y_PD.shape[1])
    return y_TD.index_add(0, routing.token_A, weighted_AD)
