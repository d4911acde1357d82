"""Each stage of the kernels in plain torch, with the same names: what their speed is held to.

Static shapes and no wait for the device, so that a compiler can take them. The twin of
``slots.limit_capacity`` is ``routing.capacity.limit_capacity``.
"""

import torch
from torch import Tensor

from moe_core.dispatch.grouped import sorted_rows
from moe_core.dispatch.static import combine_rows
from moe_core.dispatch.triton.selection import Gate, Selection
from moe_core.routing.routing import Routing, count


def select_with_terms(
    logits_TE: Tensor, gate: Gate, top_k: int, scope: int, bias_E: Tensor | None = None
) -> Selection:
    """As ``select.select_with_terms``, but for the order of ties, which is up to ``topk``."""
    z_TE = logits_TE.float()
    num_experts, groups = z_TE.shape[1], len(z_TE) // scope
    prob_TE = z_TE.softmax(-1)
    wanted_TE = z_TE
    if bias_E is not None:
        wanted_TE = (z_TE.sigmoid() if gate == "sigmoid" else prob_TE) + bias_E
    expert_TK = wanted_TE.topk(top_k, dim=-1).indices
    if gate == "all":
        weight_TK = prob_TE.gather(1, expert_TK)
    else:
        z_TK = z_TE.gather(1, expert_TK)
        weight_TK = z_TK.softmax(-1) if gate == "chosen" else z_TK.sigmoid()
    group_T1 = torch.arange(len(z_TE), device=z_TE.device).unsqueeze(1) // scope
    queue_TK = group_T1 * num_experts + expert_TK
    return Selection(
        expert_TK,
        weight_TK,
        prob_TE.view(groups, scope, num_experts).mean(1),
        count(queue_TK.flatten(), groups * num_experts).view(groups, num_experts),
        z_TE.logsumexp(-1),
    )


def lay_out_and_pack(x_TD: Tensor, routing: Routing) -> tuple[Tensor, Tensor]:
    """x_AD by expert, zeros behind the last kept, and the row of each assignment.

    As ``move.lay_out``, then ``move.pack``.
    """
    x_AD, row_A, _ = sorted_rows(x_TD, routing)
    return x_AD, row_A


def combine(y_AD: Tensor, row_A: Tensor, routing: Routing) -> Tensor:
    """As ``move.combine``."""
    return combine_rows(y_AD, row_A, routing)
