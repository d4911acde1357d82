"""A few tokens routed by a strategy's own rule, for schematics."""

import torch

from moe_core.routing import registry
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing
from moe_core.routing.slots import slots_per_expert
from moe_core.routing.strategy import RouteContext

TOKENS, EXPERTS, TOP_K, CAPACITY_FACTOR = 8, 4, 2, 1.25


def example_top_k(name: str) -> int:
    """K of the example: two, or what the strategy's rule allows."""
    strategy = registry.load(name)
    return min(max(TOP_K, strategy.min_top_k), strategy.max_top_k or TOP_K)


def example_steps(name: str) -> list[Routing]:
    """Routings of the example's tokens by the rule of training and capacity, one for each step.

    A strategy whose experts stand one after another has K steps; the others have one.
    """
    strategy, top_k = registry.load(name), example_top_k(name)
    steps = top_k if strategy.sequential else 1
    generator = torch.Generator().manual_seed(1)
    ids_T = torch.tensor([0, 1, 2, 1, 3, 1, 0, 2])
    routed = []
    for _ in range(steps):
        logits_TE = torch.randn(TOKENS, EXPERTS, generator=generator)
        logits_TE += torch.tensor([0.6, 0.2, 0.0, -0.4])  # wanted unevenly, as a new router is
        capacity = slots_per_expert(CAPACITY_FACTOR, top_k // steps, TOKENS, EXPERTS)
        context = RouteContext(
            token_id_T=ids_T,
            position_T=torch.arange(TOKENS),
            group_size=TOKENS,
            num_experts=EXPERTS,
            top_k=top_k // steps,
            capacity=capacity,
            table_VK=strategy.table(ids_T.bincount(), EXPERTS, top_k) if strategy.table else None,
            noise=Draws(generator),
            noise_logits_TE=torch.zeros(TOKENS, EXPERTS) if strategy.noise_router else None,
            state=strategy.state(EXPERTS, top_k) if strategy.state else {},
        )
        with torch.no_grad():
            routing = strategy.route(
                logits_TE if strategy.reads_logits else None,  # type: ignore[arg-type]
                context,
            )
        limited = not (strategy.fills_capacity or strategy.steers_k)
        routed.append(limit_capacity(routing, capacity, TOKENS, "position") if limited else routing)
    return routed
