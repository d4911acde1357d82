"""Slots and rows of assignments: count each tile, add up over tiles, then place.

No atomics: a place depends on the order of assignments alone. A tile compares its assignments with
each other, so that its work does not grow with the number of experts.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from moe_core.dispatch.triton.tuning import tuned
from moe_core.routing.capacity import limit_capacity as limit_by_torch
from moe_core.routing.drop_policy import DropPolicy
from moe_core.routing.routing import Routing

BLOCK_A = 64  # assignments of a tile: both kernels and the buffer between them share it
WARPS: list[tuple[dict[str, int], int]] = [({}, warps) for warps in (4, 2, 8)]


@triton.jit
def _tile(expert, counted, start, tiles, COUNTED: tl.constexpr, BLOCK: tl.constexpr):
    """Assignments of the program's tile, their experts, which count; equal ones before and after.

    Tiles do not cross groups.
    """
    group, tile = tl.program_id(0) // tiles, tl.program_id(0) % tiles
    place_A = tl.arange(0, BLOCK)
    assignment_A = tl.load(start + group) + tile * BLOCK + place_A
    inside_A = assignment_A < tl.load(start + group + 1)
    expert_A = tl.load(expert + assignment_A, mask=inside_A, other=0)
    used_A = inside_A
    if COUNTED:
        used_A = inside_A & (tl.load(counted + assignment_A, mask=inside_A, other=0) != 0)
    # -1 and -2 meet nobody
    equal_AA = tl.where(used_A, expert_A, -1)[:, None] == tl.where(used_A, expert_A, -2)[None, :]
    before_A = tl.sum((equal_AA & (place_A[None, :] < place_A[:, None])).to(tl.int32), 1)
    after_A = tl.sum((equal_AA & (place_A[None, :] > place_A[:, None])).to(tl.int32), 1)
    return assignment_A, inside_A, expert_A, used_A, before_A, after_A


@tuned(WARPS, key=["COUNTED"])
@triton.jit
def _count(
    expert, counted, start, counts, tiles, num_experts, COUNTED: tl.constexpr, BLOCK: tl.constexpr
):
    _, _, expert_A, used_A, before_A, after_A = _tile(expert, counted, start, tiles, COUNTED, BLOCK)
    # the last of its expert in the tile knows how many there are
    at_A = tl.program_id(0).to(tl.int64) * num_experts + expert_A
    tl.store(counts + at_A, before_A + 1, mask=used_A & (after_A == 0))


@tuned(WARPS, key=["COUNTED"])
@triton.jit
def _place(
    expert,
    counted,
    start,
    earlier,
    first,
    row,
    slot,
    tiles,
    num_experts,
    COUNTED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    assignment_A, inside_A, expert_A, used_A, before_A, _ = _tile(
        expert, counted, start, tiles, COUNTED, BLOCK
    )
    program = tl.program_id(0).to(tl.int64)
    here_A = tl.load(earlier + program * num_experts + expert_A, mask=used_A, other=0)
    group_at_A = program // tiles * tiles * num_experts + expert_A
    of_group_A = here_A - tl.load(earlier + group_at_A, mask=used_A, other=0)
    first_A = tl.load(first + expert_A, mask=used_A, other=0)
    tl.store(row + assignment_A, tl.where(used_A, first_A + here_A + before_A, -1), mask=inside_A)
    tl.store(slot + assignment_A, tl.where(used_A, of_group_A + before_A, -1), mask=inside_A)


class Places(NamedTuple):
    """Where assignments stand; -1 where one does not count.

    row_A: among all that count, by expert, then token, int64. slot_A: in the queue of its expert
    and group, int32. end_E: where each expert's rows end, int32.
    """

    row_A: Tensor
    slot_A: Tensor
    end_E: Tensor


def places(
    expert_A: Tensor,
    num_experts: int,
    start_G: Tensor,
    most: int,
    counted_A: Tensor | None = None,
) -> Places:
    """Where each assignment stands.

    start_G: where each group of assignments begins and, one more, where the last ends, int64.
    most: an upper bound of a group's assignments. counted_A: those that take a place; None for all.
    """
    groups = len(start_G) - 1
    tiles = triton.cdiv(most, BLOCK_A)
    counts_NE = start_G.new_zeros((groups * tiles, num_experts), dtype=torch.int32)
    row_A = torch.empty_like(expert_A)
    slot_A = torch.empty_like(expert_A, dtype=torch.int32)
    grid = (groups * tiles,)
    common = (expert_A, expert_A if counted_A is None else counted_A, start_G)
    sizes = {"COUNTED": counted_A is not None, "BLOCK": BLOCK_A}
    if grid[0]:
        _count[grid](*common, counts_NE, tiles, num_experts, **sizes)
    through_NE = counts_NE.cumsum(0, dtype=torch.int32)
    total_E = counts_NE.sum(0, dtype=torch.int32)
    end_E = total_E.cumsum(0, dtype=torch.int32)
    if grid[0]:
        earlier_NE, first_E = through_NE - counts_NE, end_E - total_E
        _place[grid](*common, earlier_NE, first_E, row_A, slot_A, tiles, num_experts, **sizes)
    return Places(row_A, slot_A, end_E)


def begins(routing: Routing, tokens: int) -> Tensor:
    """Where each group of consecutive tokens begins among assignments, and where the last ends."""
    device = routing.token_A.device
    if routing.per_token is not None:
        step = tokens * routing.per_token
        return torch.arange(0, routing.token_A.numel() + 1, step, device=device)
    edges = torch.arange(0, routing.num_tokens + 1, tokens, device=device)
    return torch.searchsorted(routing.token_A, edges)


def limit_capacity(
    routing: Routing,
    capacity: int,
    group_size: int,
    policy: DropPolicy = "position",
    generator: torch.Generator | None = None,
) -> Routing:
    """As ``capacity.limit_capacity``, which policies other than ``position`` are left to.

    Where tokens differ in their assignments the host waits for the fullest group's number.
    """
    if policy != "position":
        return limit_by_torch(routing, capacity, group_size, policy, generator)
    groups = routing.num_tokens // group_size
    start_G = begins(routing, group_size)
    if routing.per_token is not None:
        most = group_size * routing.per_token
    else:
        most = int(start_G.diff().max()) if groups else 0
    row_A, slot_A, _ = places(routing.expert_A, routing.num_experts, start_G, most)
    kept_A = routing.kept_A & (slot_A < capacity)
    limited = routing.with_kept(kept_A, most_kept=groups * capacity)
    assignment_A = torch.arange(len(row_A), device=row_A.device)
    vars(limited)["by_expert_A"] = torch.empty_like(row_A).scatter_(0, row_A, assignment_A)
    return limited
