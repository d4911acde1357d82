"""The mixture-of-experts layer: router, strategy, capacity, dispatch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from moe_core.dispatch.reference import dispatch
from moe_core.errors import StudyError
from moe_core.model.config import Activation, MoEConfig
from moe_core.model.experts import Experts
from moe_core.routing import registry
from moe_core.routing.capacity import limit_capacity, slots_per_expert
from moe_core.routing.routing import Routing
from moe_core.routing.scores import LinearRouter
from moe_core.routing.strategy import RouteContext


@dataclass(frozen=True)
class RoutedLayer:
    """What one layer decided: its routing, and the router's logits_TE where it has a router."""

    routing: Routing
    logits_TE: Tensor | None


class MoELayer(nn.Module):
    """``y = W(x) @ experts(x)`` with W the routing matrix of one strategy.

    Raises StudyError for a K that the strategy's rule does not allow.
    """

    def __init__(
        self, config: MoEConfig, dim: int, hidden: int, activation: Activation, counts_V: Tensor
    ) -> None:
        super().__init__()
        self.config = config
        self.strategy = registry.load(config.strategy)
        least, most = self.strategy.min_top_k, self.strategy.max_top_k or config.num_experts
        if not least <= config.top_k <= most:
            raise StudyError(
                "top_k",
                f"{config.top_k} is not legal for strategy {config.strategy!r}",
                f"allowed: {least} to {most}",
            )
        self.router = LinearRouter(dim, config.num_experts) if self.strategy.reads_logits else None
        self.experts = Experts(config.num_experts, dim, hidden, activation)
        build = self.strategy.table
        table_VK = build(counts_V, config.num_experts, config.top_k) if build else None
        self.register_buffer("table_VK", table_VK)
        self.table_VK: Tensor | None

    def forward(
        self,
        x_TD: Tensor,
        token_id_T: Tensor,
        group_size: int,
        dropless: bool = False,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, RoutedLayer]:
        """y_TD and what was decided.

        dropless: lift the capacity of strategies that choose per token. A strategy that fills
        columns has no such mode: its capacity is its rule.
        """
        config = self.config
        capacity = slots_per_expert(
            config.capacity_factor, config.top_k, group_size, config.num_experts
        )
        context = RouteContext(
            token_id_T, group_size, config.num_experts, config.top_k, capacity, self.table_VK
        )
        logits_TE = self.router(x_TD) if self.router is not None else None
        routing = self.strategy.route(logits_TE, context)  # type: ignore[arg-type]
        if not (self.strategy.fills_capacity or dropless):
            routing = limit_capacity(routing, capacity, group_size, config.drop_policy, generator)
        return dispatch(x_TD, routing, self.experts), RoutedLayer(routing, logits_TE)
