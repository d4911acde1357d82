"""CPU experts: one segment of rows an expert, products into given buffers, experts side by side.

Rows of a segment are rounded up to a multiple, because the matmul library compiles a kernel for
each number of rows it meets, and routing never repeats. Activations are computed again in the
backward pass while their segment is in cache, instead of being kept.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from threading import Barrier
from typing import Any

import torch
from torch import Tensor

from moe_core.dispatch.activations import FUSED
from moe_core.dispatch.kinds import Activation
from moe_core.dispatch.packing import combine, lay_out, pack
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing

PADDING_SHARE = 1 / 32  # largest multiple that rows are rounded up to, of a mean segment
ROWS_OF_ONE_THREAD = 512  # above it, all threads share a product as well as they share experts


def segments(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W, on a CPU."""
    mean_rows = len(routing.expert_A) * PADDING_SHARE / routing.num_experts
    multiple = 1 << max(0, int(mean_rows).bit_length() - 1)  # the power of two below
    layout = lay_out(routing, lambda count: -(-count // multiple) * multiple)
    y_PD = _Experts.apply(pack(x_TD, layout), *weights, layout.start_E)
    return combine(y_PD, routing.weight_A, layout)


def all_rows(x_TD: Tensor, weights: ExpertWeights) -> Tensor:
    """One expert on all tokens."""
    return _Experts.apply(x_TD, *weights, [0, len(x_TD)])


class _Experts(torch.autograd.Function):
    """Rows of expert e stand from start_E[e] to start_E[e + 1]."""

    @staticmethod
    def forward(
        ctx: Any,
        x_PD: Tensor,
        in_EHD: Tensor,
        out_EDF: Tensor,
        activation: Activation,
        start_E: list[int],
    ) -> Tensor:
        matrices = [*zip(in_EHD.unbind(), out_EDF.unbind(), strict=True)]
        pre_PH = x_PD.new_empty(len(x_PD), in_EHD.shape[1])
        y_PD = torch.empty_like(x_PD)
        forward = FUSED[activation].forward

        def run(expert: int, act_AF: Tensor) -> None:
            in_HD, out_DF = matrices[expert]
            rows = slice(start_E[expert], start_E[expert + 1])
            pre_AH = pre_PH[rows]
            torch.mm(x_PD[rows], in_HD.t(), out=pre_AH)
            forward(pre_AH, act_AF)
            torch.mm(act_AF, out_DF.t(), out=y_PD[rows])

        _each_expert(run, start_E, x_PD, out_EDF.shape[2], buffers=1)
        ctx.save_for_backward(x_PD, in_EHD, out_EDF, pre_PH)
        ctx.activation, ctx.start_E = activation, start_E
        return y_PD

    @staticmethod
    def backward(ctx: Any, dy_PD: Tensor) -> tuple[Tensor | None, ...]:
        x_PD, in_EHD, out_EDF, pre_PH = ctx.saved_tensors
        start_E = ctx.start_E
        matrices = [*zip(in_EHD.unbind(), out_EDF.unbind(), strict=True)]
        dx_PD = torch.empty_like(x_PD)
        d_in_EHD, d_out_EDF = torch.empty_like(in_EHD), torch.empty_like(out_EDF)
        gradients = [*zip(d_in_EHD.unbind(), d_out_EDF.unbind(), strict=True)]
        for pair, (start, end) in zip(gradients, pairwise(start_E), strict=True):
            if start == end:
                for gradient in pair:
                    gradient.zero_()
        backward = FUSED[ctx.activation].backward

        def run(expert: int, act_AF: Tensor, d_act_AF: Tensor) -> None:
            (in_HD, out_DF), (d_in_HD, d_out_DF) = matrices[expert], gradients[expert]
            rows = slice(start_E[expert], start_E[expert + 1])
            pre_AH, dy_AD = pre_PH[rows], dy_PD[rows]
            torch.mm(dy_AD, out_DF, out=d_act_AF)
            backward(pre_AH, d_act_AF, act_AF, d_pre_AH := torch.empty_like(pre_AH))
            torch.mm(dy_AD.t(), act_AF, out=d_out_DF)
            torch.mm(d_pre_AH.t(), x_PD[rows], out=d_in_HD)
            torch.mm(d_pre_AH, in_HD, out=dx_PD[rows])

        _each_expert(run, start_E, x_PD, out_EDF.shape[2], buffers=2)
        return dx_PD, d_in_EHD, d_out_EDF, None, None


def _each_expert(
    run: Callable[..., None], start_E: list[int], x_PD: Tensor, width: int, buffers: int
) -> None:
    """``run(expert, *buffers)`` for every expert with rows; a buffer has its rows, and is scratch.

    Experts go side by side, one thread each, where their products are too small for all threads to
    share; not where one expert has more rows than a thread's share.
    """
    rows_E = [end - start for start, end in pairwise(start_E)]
    busy = [expert for expert, rows in enumerate(rows_E) if rows]
    if not busy:
        return
    most, threads = max(rows_E), torch.get_num_threads()

    def work(experts: Iterable[int]) -> None:
        scratch = [x_PD.new_empty(most, width) for _ in range(buffers)]
        with torch.no_grad():
            for expert in experts:
                run(expert, *(buffer[: rows_E[expert]] for buffer in scratch))

    if threads == 1 or most > min(ROWS_OF_ONE_THREAD, len(x_PD) // threads):
        return work(busy)
    # one queue for all threads, the longest segments first
    queue = iter(sorted(busy, key=lambda expert: -rows_E[expert]))
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
