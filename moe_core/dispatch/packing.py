"""Move tokens to rows grouped by expert and back, each way one pass over the rows.

Both directions of both moves are gathers: a scatter would add rows up in memory. What is gathered
into a token's row is summed on the way (``embedding_bag``).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.routing.routing import Routing

_row_products = torch.ops.aten._embedding_bag_per_sample_weights_backward
SUM = 0  # the mode of a bag


@dataclass(frozen=True)
class Layout:
    """Rows of a buffer, grouped by expert; P rows, padding included.

    rows_E: rows of each expert. token_P: token of each row, 0 where the row is padding. padding:
    the rows that are. row_A, kept_token_A: row and token of each kept assignment, token-major.
    first_T: where in them each token begins. kept_A: places of the kept assignments among all,
    None where none was dropped.
    """

    rows_E: list[int]
    token_P: Tensor
    padding: Tensor
    row_A: Tensor
    kept_token_A: Tensor
    first_T: Tensor
    kept_A: Tensor | None


def lay_out(routing: Routing, multiple: int = 1) -> Layout:
    """Kept assignments by expert, then token; rows of each expert rounded up to a multiple."""
    order_A, token_A = routing.by_expert_A, routing.token_A
    kept_A = None
    if not bool(routing.kept_A.all()):
        kept_A = routing.kept_A.nonzero().squeeze(-1)
        order_A = order_A[routing.kept_A.index_select(0, order_A)]
        token_A = token_A.index_select(0, kept_A)
    # index_select and scatter_: on a CPU ten times as fast as indexing
    expert_A = routing.expert_A if kept_A is None else routing.expert_A.index_select(0, kept_A)
    count = torch.bincount(expert_A, minlength=routing.num_experts)
    counts = count.tolist()
    rows_E = [-(-n // multiple) * multiple for n in counts]
    # row of each kept assignment in sorted order, then in token-major order
    sorted_row_A = torch.arange(len(order_A))
    token_P, padding = routing.token_A.index_select(0, order_A), sorted_row_A[:0]
    if rows_E != counts:
        unused = torch.tensor(rows_E) - count
        before_E = unused.cumsum(0) - unused
        sorted_row_A = sorted_row_A + before_E.repeat_interleave(count)
        padding = torch.arange(int(unused.sum())) + count.cumsum(0).repeat_interleave(unused)
        token_P = torch.zeros(sum(rows_E), dtype=torch.int64).scatter_(0, sorted_row_A, token_P)
    row_A = torch.empty_like(routing.token_A).scatter_(0, order_A, sorted_row_A)
    if kept_A is None and routing.per_token:
        first_T = torch.arange(0, len(token_A), routing.per_token)
    else:
        first_T = torch.searchsorted(token_A, torch.arange(routing.num_tokens))
    return Layout(
        rows_E=rows_E,
        token_P=token_P,
        padding=padding,
        row_A=row_A if kept_A is None else row_A.index_select(0, kept_A),
        kept_token_A=token_A,
        first_T=first_T,
        kept_A=kept_A,
    )


def _gather(x_TD: Tensor, layout: Layout, weight_P: Tensor | None = None) -> Tensor:
    """x_PD, zero where a row is padding, times weight_P on the way."""
    if weight_P is None:
        x_PD = x_TD.index_select(0, layout.token_P)
    else:
        each = torch.arange(len(weight_P))  # a bag a row
        x_PD = F.embedding_bag(layout.token_P, x_TD, each, mode="sum", per_sample_weights=weight_P)
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
        d_weight_A = None
        if y_PD is not None:
            d_weight_A = _row_products(
                dy_TD, y_PD, layout.row_A, layout.first_T, layout.kept_token_A, SUM
            )
        weight_P = weight_A.new_zeros(len(layout.token_P)).scatter_(0, layout.row_A, weight_A)
        return _gather(dy_TD, layout, weight_P), d_weight_A, None


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
