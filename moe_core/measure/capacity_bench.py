"""Capacity, pack and combine on given assignments, without experts: drops, rates, bandwidth."""

import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from moe_core.dispatch.packing import combine, lay_out, pack
from moe_core.measure.metrics import load_cv
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.slots import random_drop_law, slots_per_expert


@dataclass(frozen=True)
class CapacityCell:
    """Assignments of T tokens under one capacity factor; the routing group is all of them."""

    assignments: str
    capacity_factor: float
    top_k: int
    routing: Routing

    def capacity(self) -> int:
        routing = self.routing
        return slots_per_expert(
            self.capacity_factor, self.top_k, routing.num_tokens, routing.num_experts
        )


def uniform_logits(tokens: int, num_experts: int, generator: torch.Generator) -> Tensor:
    """logits_TE whose top-k is a uniformly random choice of k experts."""
    return torch.randn(tokens, num_experts, generator=generator)


def zipf_logits(
    tokens: int, num_experts: int, exponent: float, generator: torch.Generator
) -> Tensor:
    """logits_TE whose top-k draws without replacement, expert i wanted as (i + 1)^-exponent.

    Adds Gumbel noise to log weights (Gumbel top-k trick, arXiv 1903.06059, section 2.3).
    """
    log_weight_E = -exponent * torch.arange(1, num_experts + 1).log()
    noise_TE = -torch.empty(tokens, num_experts).exponential_(generator=generator).log()
    return log_weight_E + noise_TE


def top_k_routing(logits_TE: Tensor, top_k: int) -> Routing:
    """Soft top-k routing of given logits."""
    chosen_TK, expert_TK = logits_TE.topk(top_k, dim=-1)
    return from_token_choice(expert_TK, chosen_TK.softmax(-1), logits_TE.shape[1])


@torch.no_grad()
def measure_cells(cells: Iterable[CapacityCell], dim: int, repeats: int) -> list[dict[str, object]]:
    """One row a cell: drops, tokens/s of capacity + pack + combine, bytes moved, memcpy share.

    Repeats go round all cells in turn, so that a slow minute of the machine touches them alike.
    bytes_moved is what pack and combine cannot avoid: read and write A rows, read A rows, write
    T rows of D floats, A the kept assignments.
    """
    cells = list(cells)
    tokens = cells[0].routing.num_tokens
    x_TD = torch.randn(tokens, dim, generator=torch.Generator().manual_seed(0))
    seconds: list[list[float]] = [[] for _ in cells]
    bandwidths = []
    for repeat in range(repeats + 1):
        bandwidths.append(memcpy_bytes_per_s())
        for cell, timed in zip(cells, seconds, strict=True):
            start = time.perf_counter()
            _move(x_TD, cell)
            if repeat:  # the first round warms caches up
                timed.append(time.perf_counter() - start)
    memcpy = statistics.median(bandwidths)
    return [
        _row(cell, dim, statistics.median(timed), memcpy)
        for cell, timed in zip(cells, seconds, strict=True)
    ]


def _limited(cell: CapacityCell) -> Routing:
    return limit_capacity(cell.routing, cell.capacity(), cell.routing.num_tokens, "position")


def _move(x_TD: Tensor, cell: CapacityCell) -> Tensor:
    limited = _limited(cell)
    layout = lay_out(limited)
    return combine(pack(x_TD, layout), limited.weight_A, layout)


def _row(cell: CapacityCell, dim: int, seconds: float, memcpy: float) -> dict[str, object]:
    routing = _limited(cell)
    tokens, num_experts = routing.num_tokens, routing.num_experts
    kept = int(routing.kept_A.sum())
    bytes_moved = (3 * kept + tokens) * dim * 4
    return {
        "assignments": cell.assignments,
        "num_experts": num_experts,
        "top_k": cell.top_k,
        "capacity_factor": cell.capacity_factor,
        "tokens": tokens,
        "dim": dim,
        "capacity": cell.capacity(),
        "load_cv": load_cv(routing.load_E()),
        "drop_rate": 1 - kept / routing.kept_A.numel(),
        "token_drop_rate": float((routing.kept_per_token_T() == 0).double().mean()),
        "drop_rate_law": random_drop_law(cell.capacity(), tokens, cell.top_k, num_experts),
        "tokens_per_s": tokens / seconds,
        "bytes_moved": bytes_moved,
        "bytes_per_s": bytes_moved / seconds,
        "memcpy_bytes_per_s": memcpy,
        "memcpy_share": bytes_moved / seconds / memcpy,
    }


def memcpy_bytes_per_s(megabytes: int = 128) -> float:
    """Bytes read plus written per second by a plain copy, best of three."""
    source = torch.ones(megabytes << 18)
    target = torch.empty_like(source).copy_(source)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        target.copy_(source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best
