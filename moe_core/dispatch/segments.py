"""CPU experts: one segment of rows an expert, products into given buffers, experts side by side.

Rows of a segment are rounded up to a multiple, because the matmul library compiles a kernel for
each number of rows it meets, and routing never repeats. What backward passes from one product to
the next is scratch that stays in cache.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any

import torch
from torch import Tensor

from moe_core.dispatch.activations import FUSED
from moe_core.dispatch.kinds import ExpertKind
from moe_core.dispatch.packing import combine, lay_out, pack
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing

PADDING_SHARE = 1 / 32  # largest multiple that rows are rounded up to, of a mean segment
ROWS_OF_ONE_THREAD = 512  # above it, all threads share a product as well as they share experts


def segments(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W, on a CPU."""
    mean_rows = len(routing.expert_A) * PADDING_SHARE / routing.num_experts
    multiple = 1 << max(0, int(mean_rows).bit_length() - 1)  # the power of two below
    layout = lay_out(routing, multiple)
    y_PD = _Experts.apply(pack(x_TD, layout), *weights, layout.rows_E)
    return combine(y_PD, routing.weight_A, layout)


def all_rows(x_TD: Tensor, weights: ExpertWeights) -> Tensor:
    """One expert on all tokens."""
    return _Experts.apply(x_TD, *weights, [len(x_TD)])


class _Experts(torch.autograd.Function):
    """rows_E: rows of each expert, which stand one expert after the other."""

    @staticmethod
    def forward(
        ctx: Any,
        x_PD: Tensor,
        in_EHD: Tensor,
        out_EDF: Tensor,
        activation: ExpertKind,
        rows_E: list[int],
    ) -> Tensor:
        pre_PH = x_PD.new_empty(len(x_PD), in_EHD.shape[1])
        y_PD = torch.empty_like(x_PD)
        in_EDH, out_EFD = in_EHD.transpose(1, 2), out_EDF.transpose(1, 2)
        forward = FUSED[activation].forward
        act_PF = x_PD.new_empty(len(x_PD), out_EDF.shape[2])
        views = [*_views(rows_E, act_PF, x_PD, pre_PH, y_PD), in_EDH.unbind(), out_EFD.unbind()]

        def run(act_AF: Tensor, x_AD: Tensor, pre_AH: Tensor, y_AD: Tensor, *w: Tensor) -> None:
            in_DH, out_FD = w
            torch.mm(x_AD, in_DH, out=pre_AH)
            forward(pre_AH, act_AF)
            torch.mm(act_AF, out_FD, out=y_AD)

        _each_expert(run, rows_E, views, scratch=[])
        ctx.save_for_backward(x_PD, in_EHD, out_EDF, pre_PH, act_PF)
        ctx.activation, ctx.rows_E = activation, rows_E
        return y_PD

    @staticmethod
    def backward(ctx: Any, dy_PD: Tensor) -> tuple[Tensor | None, ...]:
        x_PD, in_EHD, out_EDF, pre_PH, act_PF = ctx.saved_tensors
        dx_PD = torch.empty_like(x_PD)
        trained = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]  # not below adapters
        d_in_EHD, d_out_EDF = (
            torch.empty_like(w) if trained else w.new_empty(len(w), 0, 0) for w in (in_EHD, out_EDF)
        )
        backward = FUSED[ctx.activation].backward
        views = [
            *_views(ctx.rows_E, act_PF, dy_PD, pre_PH, x_PD, dx_PD),
            *(stacked.unbind() for stacked in (in_EHD, out_EDF, d_in_EHD, d_out_EDF)),
        ]

        def run(
            d_act_AF: Tensor,
            d_pre_AH: Tensor,
            act_AF: Tensor,
            dy_AD: Tensor,
            pre_AH: Tensor,
            x_AD: Tensor,
            dx_AD: Tensor,
            *w: Tensor,
        ) -> None:
            in_HD, out_DF, d_in_HD, d_out_DF = w
            torch.mm(dy_AD, out_DF, out=d_act_AF)
            backward(pre_AH, d_act_AF, d_pre_AH)
            if trained:
                torch.mm(dy_AD.t(), act_AF, out=d_out_DF)
                torch.mm(d_pre_AH.t(), x_AD, out=d_in_HD)
            torch.mm(d_pre_AH, in_HD, out=dx_AD)

        for rows, *gradients in zip(ctx.rows_E, d_in_EHD, d_out_EDF, strict=True):
            if not rows:
                for gradient in gradients:
                    gradient.zero_()
        width = out_EDF.shape[2]
        _each_expert(run, ctx.rows_E, views, [width, in_EHD.shape[1]])
        weights = (d_in_EHD, d_out_EDF) if trained else (None, None)
        return dx_PD, *weights, None, None


def _views(rows_E: list[int], *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Each tensor cut into the rows of each expert."""
    return [tensor.split(rows_E) for tensor in tensors]


def _each_expert(
    run: Callable[..., None],
    rows_E: list[int],
    views: list[tuple[Tensor, ...]],
    scratch: list[int],
) -> None:
    """``run(*buffers, *views)`` for each expert with rows, a buffer of its rows for each width.

    Experts go side by side, one thread each, where their products are too small for all threads to
    share; not where one expert has more rows than a thread's share.
    """
    busy = [expert for expert, rows in enumerate(rows_E) if rows]
    if not busy:
        return
    most, threads = max(rows_E), torch.get_num_threads()
    arguments = [*zip(*views, strict=True)]

    def work(experts: Iterable[int]) -> None:
        buffers = [views[0][0].new_empty(most, width) for width in scratch]
        with torch.no_grad():
            for expert in experts:
                rows = rows_E[expert]
                run(*(buffer.narrow(0, 0, rows) for buffer in buffers), *arguments[expert])

    if threads == 1 or most > min(ROWS_OF_ONE_THREAD, sum(rows_E) // threads):
        return work(busy)
    # one queue for all threads, the longest segments first
    queue = iter(sorted(busy, key=rows_E.__getitem__, reverse=True))
    for done in [_side_by_side(threads).submit(work, queue) for _ in range(threads)]:
        done.result()


@cache
def _side_by_side(threads: int) -> ThreadPoolExecutor:
    """Workers whose own products use one thread."""
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    gate = Barrier(threads)
    for started in [pool.submit(gate.wait) for _ in range(threads)]:
        started.result()
    torch.set_num_threads(threads)  # a worker's setting reaches the calling thread's library too
    return pool
