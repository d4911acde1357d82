"""Move tokens to rows grouped by expert and back, each way one pass over the rows.

Both directions of both moves are gathers: a scatter would add rows up in memory. What is gathered
into a token's row is summed on the way (``embedding_bag``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.routing.routing import Routing


@dataclass(frozen=True)
class Layout:
    """Rows of a buffer, grouped by expert; P rows, padding included.

    rows_E: rows of each expert. token_P: token of each row, 0 where the row is padding. padding:
    the rows that are. row_A: row of each kept assignment, token-major. first_T: where in row_A each
    token begins. kept_A: places of the kept assignments among all, None where none was dropped.
    """

    rows_E: list[int]
    token_P: Tensor
    padding: Tensor
    row_A: Tensor
    first_T: Tensor
    kept_A: Tensor | None


def lay_out(routing: Routing, rows: Callable[[int], int]) -> Layout:
    """Kept assignments by expert, then token. rows: count of an expert to the rows it is given."""
    order_A, token_A = routing.by_expert_A, routing.token_A
    kept_A = None
    if not bool(routing.kept_A.all()):
        kept_A = routing.kept_A.nonzero().squeeze(-1)
        order_A = order_A[routing.kept_A[order_A]]
        token_A = token_A[kept_A]
    count = torch.bincount(routing.expert_A[order_A], minlength=routing.num_experts)
    rows_E = [rows(n) for n in count.tolist()]
    given = torch.tensor(rows_E)
    shift_E = (given - count).cumsum(0) - (given - count)
    # row of each kept assignment in sorted order, then in token-major order
    sorted_row_A = torch.arange(len(order_A)) + shift_E.repeat_interleave(count)
    row_A = torch.empty(len(routing.kept_A), dtype=torch.int64)
    row_A[order_A] = sorted_row_A
    token_P = torch.full((sum(rows_E),), -1)
    token_P[sorted_row_A] = routing.token_A[order_A]
    return Layout(
        rows_E=rows_E,
        token_P=token_P.clamp_(min=0),
        padding=(token_P < 0).nonzero().squeeze(-1),
        row_A=row_A if kept_A is None else row_A[kept_A],
        first_T=torch.searchsorted(token_A, torch.arange(routing.num_tokens)),
        kept_A=kept_A,
    )


def _gather(x_TD: Tensor, layout: Layout) -> Tensor:
    """x_PD, zero where a row is padding."""
    x_PD = x_TD.index_select(0, layout.token_P)
    return x_PD.index_fill_(0, layout.padding, 0) if len(layout.padding) else x_PD


class _Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return _gather(x_TD, layout)

    @staticmethod
    def backward(ctx: Any, dx_PD: Tensor) -> tuple[Tensor, None]:
        layout = ctx.layout
        return F.embedding_bag(layout.row_A, dx_PD, layout.first_T, mode="sum"), None


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y_PD: Tensor, weight_A: Tensor, layout: Layout) -> Tensor:
        ctx.save_for_backward(y_PD if ctx.needs_input_grad[1] else None, weight_A)
        ctx.layout = layout
        return F.embedding_bag(
            layout.row_A, y_PD, layout.first_T, mode="sum", per_sample_weights=weight_A
        )

    @staticmethod
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor, Tensor | None, None]:
        y_PD, weight_A = ctx.saved_tensors
        layout = ctx.layout
        dy_PD = _gather(dy_TD, layout)
        d_weight_A = None if y_PD is None else torch.linalg.vecdot(dy_PD, y_PD)[layout.row_A]
        weight_P = weight_A.new_zeros(len(dy_PD))
        weight_P[layout.row_A] = weight_A
        return dy_PD.mul_(weight_P.unsqueeze(1)), d_weight_A, None


def pack(x_TD: Tensor, layout: Layout) -> Tensor:
    """x_PD: the token of each row, zeros where the row is padding."""
    return _Pack.apply(x_TD, layout)


def combine(y_PD: Tensor, weight_A: Tensor, layout: Layout) -> Tensor:
    """``y_t = sum over kept assignments a of token t: weight_a * y_PD[row_a]``.

    weight_A: of all assignments, dropped ones included.
    """
    weight_A = weight_A.to(y_PD.dtype)
    kept_A = weight_A if layout.kept_A is None else weight_A.index_select(0, layout.kept_A)
    return _Combine.apply(y_PD, kept_A, layout)
