"""Capacity: which assignments get one of an expert's slots, and which are dropped."""

import torch
from torch import Tensor

from moe_core.routing.drop_policy import DropPolicy
from moe_core.routing.routing import Routing, count


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
