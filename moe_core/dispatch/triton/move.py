"""Move rows of tokens to rows of experts and back: two kernels serve four directions.

``spread`` copies a token's row to the row of each of its assignments: packing, and combining
backward. ``collect`` adds them up again: combining, and packing backward. Sums are taken in fp32
in the order of assignments, without atomics.
"""

from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from moe_core.dispatch.triton.slots import begins, places
from moe_core.dispatch.triton.tuning import tuned
from moe_core.routing.routing import Routing

TILES = [
    ({"BLOCK_T": tokens, "BLOCK_D": width}, warps)
    for tokens, width, warps in ((8, 64, 4), (1, 256, 2), (1, 1024, 4), (4, 128, 4), (4, 256, 4))
]


@triton.jit
def _tokens(first, num_tokens, BLOCK_T: tl.constexpr):
    """Tokens of the program, which exist, the first assignment of each and how many it has."""
    token_T = tl.program_id(0).to(tl.int64) * BLOCK_T + tl.arange(0, BLOCK_T)
    inside_T = token_T < num_tokens
    first_T = tl.load(first + token_T, mask=inside_T, other=0)
    count_T = tl.load(first + token_T + 1, mask=inside_T, other=0) - first_T
    return token_T, inside_T, first_T, count_T


@tuned(TILES, key=["dim", "WEIGHTED"])
@triton.jit
def _spread(
    source,
    rows,
    first,
    row,
    weight,
    other,
    products,
    num_tokens,
    dim,
    WEIGHTED: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    token_T, _, first_T, count_T = _tokens(first, num_tokens, BLOCK_T)
    for j in range(tl.max(count_T, 0)):
        row_T = tl.load(row + first_T + j, mask=j < count_T, other=-1)
        used_T = row_T >= 0
        product_T = tl.zeros([BLOCK_T], tl.float32)
        for begin in range(0, dim, BLOCK_D):
            at_D = begin + tl.arange(0, BLOCK_D)
            real_TD = used_T[:, None] & (at_D < dim)[None, :]
            at_TD = row_T[:, None] * dim + at_D[None, :]
            x_TD = tl.load(source + token_T[:, None] * dim + at_D[None, :], mask=real_TD, other=0.0)
            if WEIGHTED:
                y_TD = tl.load(other + at_TD, mask=real_TD, other=0.0).to(tl.float32)
                product_T += tl.sum(x_TD.to(tl.float32) * y_TD, 1)
                weight_T = tl.load(weight + first_T + j, mask=used_T, other=0.0).to(tl.float32)
                x_TD = x_TD.to(tl.float32) * weight_T[:, None]
            tl.store(rows + at_TD, x_TD, mask=real_TD)
        if WEIGHTED:
            tl.store(products + first_T + j, product_T, mask=j < count_T)


@tuned(TILES, key=["dim", "WEIGHTED"])
@triton.jit
def _collect(
    rows,
    sums,
    first,
    row,
    weight,
    num_tokens,
    dim,
    WEIGHTED: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    token_T, inside_T, first_T, count_T = _tokens(first, num_tokens, BLOCK_T)
    at_D = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    sum_TD = tl.zeros([BLOCK_T, BLOCK_D], tl.float32)
    for j in range(tl.max(count_T, 0)):
        row_T = tl.load(row + first_T + j, mask=j < count_T, other=-1)
        used_T = row_T >= 0
        real_TD = used_T[:, None] & (at_D < dim)[None, :]
        y_TD = tl.load(rows + row_T[:, None] * dim + at_D[None, :], mask=real_TD, other=0.0)
        y_TD = y_TD.to(tl.float32)
        if WEIGHTED:
            weight_T = tl.load(weight + first_T + j, mask=used_T, other=0.0).to(tl.float32)
            y_TD *= weight_T[:, None]
        sum_TD += y_TD
    inside_TD = inside_T[:, None] & (at_D < dim)[None, :]
    tl.store(sums + token_T[:, None] * dim + at_D[None, :], sum_TD, mask=inside_TD)


@dataclass(frozen=True)
class Layout:
    """Rows of the kept assignments by expert, then token.

    row_A: of each assignment, -1 where it was dropped. first_T: where each token's assignments
    begin and, one more, where the last ends. end_E: where each expert's rows end, int32.
    """

    row_A: Tensor
    first_T: Tensor
    end_E: Tensor

    @property
    def tokens(self) -> int:
        """T."""
        return len(self.first_T) - 1


def lay_out(routing: Routing) -> Layout:
    """Rows of a routing's kept assignments. Nothing waits for the device."""
    start_G = torch.tensor([0, len(routing.expert_A)], device=routing.expert_A.device)
    row_A, _, end_E = places(
        routing.expert_A, routing.num_experts, start_G, len(routing.expert_A), routing.kept_A
    )
    return Layout(row_A, begins(routing, 1), end_E)


def _spread_rows(
    x_TD: Tensor, layout: Layout, weight_A: Tensor | None = None, y_PD: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """weight_a * x_t to each assignment's row; the product of x_t with its row of y_PD."""
    x_TD = x_TD.contiguous()
    x_PD = x_TD.new_empty(len(layout.row_A), x_TD.shape[1])
    product_A = None if weight_A is None else torch.empty_like(weight_A)
    if layout.tokens:
        _spread[lambda tuned: (triton.cdiv(layout.tokens, tuned["BLOCK_T"]),)](
            x_TD,
            x_PD,
            layout.first_T,
            layout.row_A,
            x_TD if weight_A is None else weight_A,
            x_TD if y_PD is None else y_PD,
            x_TD if product_A is None else product_A,
            layout.tokens,
            x_TD.shape[1],
            WEIGHTED=weight_A is not None,
        )
    return x_PD, product_A


def _collect_rows(y_PD: Tensor, layout: Layout, weight_A: Tensor | None = None) -> Tensor:
    """The sum of weight_a * y_PD[row_a] over each token's assignments."""
    y_PD = y_PD.contiguous()
    dim = y_PD.shape[1]
    y_TD = y_PD.new_empty(layout.tokens, dim)
    if layout.tokens:
        _collect[
            lambda tuned: (
                triton.cdiv(layout.tokens, tuned["BLOCK_T"]),
                triton.cdiv(dim, tuned["BLOCK_D"]),
            )
        ](
            y_PD,
            y_TD,
            layout.first_T,
            layout.row_A,
            y_PD if weight_A is None else weight_A,
            layout.tokens,
            dim,
            WEIGHTED=weight_A is not None,
        )
    return y_TD


class _Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return _spread_rows(x_TD, layout)[0]

    @staticmethod
    def backward(ctx: Any, dx_PD: Tensor) -> tuple[Tensor, None]:
        return _collect_rows(dx_PD, ctx.layout), None


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y_PD: Tensor, weight_A: Tensor, layout: Layout) -> Tensor:
        y_PD, weight_A = y_PD.contiguous(), weight_A.contiguous()
        ctx.save_for_backward(y_PD, weight_A)
        ctx.layout = layout
        return _collect_rows(y_PD, layout, weight_A)

    @staticmethod
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor, Tensor | None, None]:
        y_PD, weight_A = ctx.saved_tensors
        return *_spread_rows(dy_TD, ctx.layout, weight_A, y_PD), None


def pack(x_TD: Tensor, layout: Layout) -> Tensor:
    """x_PD: the token of each kept assignment's row; rows behind the last are left unwritten."""
    return _Pack.apply(x_TD, layout)


def combine(y_PD: Tensor, weight_A: Tensor, layout: Layout) -> Tensor:
    """``y_t = sum over kept assignments a of token t: weight_a * y_PD[row_a]``.

    weight_A: of all assignments, dropped ones included.
    """
    return _Combine.apply(y_PD, weight_A, layout)
