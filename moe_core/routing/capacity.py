"""Capacity: how many tokens of a routing group an expert takes, and who is dropped."""

import math

import torch
from torch import Tensor

from moe_core.routing.drop_policy import DropPolicy
from moe_core.routing.routing import Routing, count


def slots_per_expert(capacity_factor: float, top_k: int, group_size: int, num_experts: int) -> int:
    """C = ceil(cf * k * S / E), at most S (GShard, arXiv 2006.16668, section 3.1)."""
    slots = math.ceil(capacity_factor * top_k * group_size / num_experts - 1e-9)
    return min(slots, group_size)


def limit_capacity(
    routing: Routing,
    capacity: int,
    group_size: int,
    policy: DropPolicy,
    generator: torch.Generator | None = None,
) -> Routing:
    """Keep at most ``capacity`` assignments of each expert in each group of consecutive tokens.

    policy ``position`` keeps the first in token-major order, which is causal: a slot depends on
    earlier tokens of the same sequence only. ``probability`` keeps the largest combine weights
    and ``random`` a random choice; neither is causal. ``none`` drops nothing. A dropped
    assignment contributes nothing, so its token keeps the residual stream.
    """
    if policy == "none":
        return routing
    groups = routing.num_tokens // group_size
    queue_A = routing.expert_A * groups + routing.token_A // group_size
    by_queue_A = _by_arrival(routing, queue_A, policy, generator)
    length_Q = count(queue_A, groups * routing.num_experts)
    first_Q = length_Q.cumsum(0) - length_Q
    place_A = torch.arange(queue_A.numel(), device=queue_A.device)
    slot_A = torch.empty_like(place_A).scatter_(0, by_queue_A, place_A)
    slot_A -= first_Q.index_select(0, queue_A)
    return routing.with_kept(routing.kept_A & (slot_A < capacity), most_kept=groups * capacity)


def _by_arrival(
    routing: Routing, queue_A: Tensor, policy: DropPolicy, generator: torch.Generator | None
) -> Tensor:
    """Order of assignments by queue, and in a queue by when they ask for a slot."""
    if policy == "position":
        return routing.by_expert_A  # queues are numbered by expert, then by token
    if policy == "random":
        order_A = torch.randperm(queue_A.numel(), generator=generator).to(queue_A.device)
    else:
        order_A = torch.sort(routing.weight_A.detach(), descending=True, stable=True).indices
    return order_A[torch.sort(queue_A[order_A], stable=True).indices]


def random_drop_law(capacity: int, tokens: int, top_k: int, num_experts: int) -> float:
    """Expected drop rate of uniformly random routing, normal approximation of the binomial.

    A queue holds X ~ Binomial(T, k/E) assignments with mean m = T*k/E and deviation
    s = sqrt(T*q*(1-q)), q = k/E. With w = (C - m) / s,
    ``drop = E[max(X - C, 0)] / m = (s/m) * (phi(w) - w * (1 - Phi(w)))``.
    """
    share = top_k / num_experts
    mean = tokens * share
    deviation = math.sqrt(tokens * share * (1 - share))
    if deviation == 0:  # k = E: every expert receives every token
        return max(0.0, 1 - capacity / mean)
    w = (capacity - mean) / deviation
    density = math.exp(-w * w / 2) / math.sqrt(2 * math.pi)
    return float(deviation / mean * (density - w * math.erfc(w / math.sqrt(2)) / 2))
