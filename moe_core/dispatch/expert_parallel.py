"""Experts shared out over the processes of a run: rows go where their expert is, and come back.

A rank holds consecutive experts. The rows of its kept assignments, sorted by expert, are cut at the
ranks that hold them, go there by one all-to-all of uneven parts, pass the local experts by any
dispatch backend, and come home by the reverse one. Counts go ahead, by expert, so that nothing else
has to be said of a row.

Each all-to-all is two autograd nodes, its start and its wait. What is computed between them runs
while rows are in flight, in the backward pass too, where the wait starts the reverse exchange and
the start waits for it.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Literal, get_args

import torch
import torch.distributed as dist
from torch import Tensor

from moe_core.dispatch.dispatch import dispatch, in_autocast
from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.reference import combine, kept_by_expert
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing

Leg = Literal["forward_out", "forward_home", "backward_out", "backward_home", "counts"]
LEGS: tuple[Leg, ...] = get_args(Leg)
COUNT_BYTES = 8  # int64


@dataclass
class Traffic:
    """What this process sent to others, by leg: rows of width D (counts: numbers), and bytes.

    Out: from a token's rank to its expert's; home: back. What stays on its rank is not counted.
    """

    rows: Counter[Leg] = field(default_factory=Counter)
    bytes: Counter[Leg] = field(default_factory=Counter)

    def add(self, leg: Leg, rows: int, row_bytes: int) -> None:
        """So many rows more."""
        self.rows[leg] += rows
        self.bytes[leg] += rows * row_bytes


@dataclass(frozen=True)
class Placement:
    """Which experts each rank holds: the first ones rank 0, the next ones rank 1, and so on.

    rank: of this process. experts_R: how many, by rank. traffic: is added to at each exchange.
    """

    rank: int
    experts_R: list[int]
    traffic: Traffic

    @property
    def own(self) -> slice:
        """The experts of this process."""
        first = sum(self.experts_R[: self.rank])
        return slice(first, first + self.experts_R[self.rank])

    def elsewhere(self, parts_R: list[int]) -> int:
        """Sum of the parts of all other ranks."""
        return sum(parts_R) - parts_R[self.rank]

    def by_rank(self, count_E: list[int]) -> list[int]:
        """Counts of experts, added up over the experts of each rank."""
        ends = [0, *accumulate(self.experts_R)]
        return [sum(count_E[start:end]) for start, end in pairwise(ends)]


def predicted(
    routings: list[Routing], tokens_R: list[int], experts_R: list[int], row_bytes: int
) -> dict[Leg, int]:
    """Bytes that all ranks send in one forward and backward pass, in closed form.

    A kept assignment whose expert is elsewhere costs a row out and a row home, both passes; a
    routed step costs each rank a count for every expert elsewhere. routings: of the whole batch,
    one a step of each layer, of which rank r has the next tokens_R[r] tokens.
    """
    rank_T, rank_E = (
        torch.arange(len(held_R)).repeat_interleave(torch.tensor(held_R))
        for held_R in (tokens_R, experts_R)
    )
    away = sum(
        int((r.kept_A.cpu() & (rank_T[r.token_A.cpu()] != rank_E[r.expert_A.cpu()])).sum())
        for r in routings
    )
    counts = COUNT_BYTES * len(routings) * sum(experts_R) * (len(experts_R) - 1)
    return {leg: counts if leg == "counts" else away * row_bytes for leg in LEGS}


class InFlight:
    """Rows of this rank's tokens on their way to their experts; ``finish`` brings them home."""

    def __init__(
        self,
        x_TD: Tensor,
        routing: Routing,
        weights: ExpertWeights,
        backend: Backend,
        placement: Placement,
    ) -> None:
        x_TD, self.weights = in_autocast(x_TD, weights)
        self.routing, self.backend, self.placement = routing, backend, placement
        token_A, self.weight_A, sent_E = kept_by_expert(routing)
        self.token_A = token_A
        self.received_RE = exchange_counts(sent_E, placement)
        sent, received = placement.by_rank(sent_E), self.received_RE.sum(1).tolist()
        self.out = _Exchange(sent, received, placement, ("forward_out", "backward_home"))
        self.home = _Exchange(received, sent, placement, ("forward_home", "backward_out"))
        self.x_PD: Tensor = _Start.apply(x_TD.index_select(0, token_A), self.out)

    def finish(self) -> Tensor:
        """``y = W @ experts(x)`` over the kept entries of W."""
        x_PD = _Wait.apply(self.x_PD, self.out)
        routing = _one_expert_each(self.received_RE, x_PD.device)
        y_PD = dispatch(x_PD, routing, self.weights, self.backend)
        y_AD = _Wait.apply(_Start.apply(y_PD, self.home), self.home)
        return combine(y_AD, self.token_A, self.weight_A, self.routing.num_tokens)


def exchange_counts(sent_E: list[int], placement: Placement) -> Tensor:
    """received_RE: rows that each rank will send to each expert of this one; on the host."""
    ranks, own = len(placement.experts_R), placement.experts_R[placement.rank]
    received_RE = torch.empty(ranks, own, dtype=torch.int64)
    dist.all_to_all_single(
        received_RE.flatten(), torch.tensor(sent_E), [own] * ranks, placement.experts_R
    )
    placement.traffic.add("counts", placement.elsewhere(placement.experts_R), COUNT_BYTES)
    return received_RE


def _one_expert_each(received_RE: Tensor, device: torch.device) -> Routing:
    """The received rows as a routing matrix of the local experts, by rank, then by expert."""
    expert_RE = torch.arange(received_RE.shape[1]).expand_as(received_RE)
    expert_A = expert_RE.flatten().repeat_interleave(received_RE.flatten()).to(device)
    rows = len(expert_A)
    return Routing(
        torch.arange(rows, device=device),
        expert_A,
        torch.ones(rows, device=device),
        torch.ones(rows, dtype=torch.bool, device=device),
        num_tokens=rows,
        num_experts=received_RE.shape[1],
        per_token=1,
    )


class _Exchange:
    """One all-to-all and, in the backward pass, its reverse.

    sent, received: rows to and from each rank. legs: of the way there and of the way back.
    """

    def __init__(
        self, sent: list[int], received: list[int], placement: Placement, legs: tuple[Leg, Leg]
    ) -> None:
        self.sent, self.received, self.placement, self.legs = sent, received, placement, legs
        self.pending: Any = None  # with the rows, which must live until they are gone, and buffer

    def start(self, rows: Tensor, back: bool = False) -> Tensor:
        """Send rows off; the buffer that others' rows are coming into."""
        there = (self.sent, self.received)
        sent, received = reversed(there) if back else there
        rows = rows.contiguous()
        buffer = rows.new_empty(sum(received), rows.shape[1])
        work = dist.all_to_all_single(buffer, rows, received, sent, async_op=True)
        self.pending = (work, rows, buffer)
        row_bytes = rows.shape[1] * rows.element_size()
        self.placement.traffic.add(self.legs[back], self.placement.elsewhere(sent), row_bytes)
        return buffer

    def wait(self) -> Tensor:
        """The buffer, once it is full."""
        work, _, buffer = self.pending
        self.pending = None
        work.wait()
        return buffer


class _Start(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, exchange: _Exchange) -> Tensor:
        ctx.exchange = exchange
        return exchange.start(rows)

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        return ctx.exchange.wait(), None  # what the backward pass of the wait began


class _Wait(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, buffer: Tensor, exchange: _Exchange) -> Tensor:
        ctx.exchange = exchange
        exchange.wait()
        return buffer

    @staticmethod
    def backward(ctx: Any, d_buffer: Tensor) -> tuple[Tensor, None]:
        ctx.exchange.start(d_buffer, back=True)
        return d_buffer, None  # unread: of a shape that autograd takes here
