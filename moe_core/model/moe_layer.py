"""The mixture-of-experts layer: router, strategy, capacity, dispatch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from moe_core.dispatch.expert_parallel import InFlight, Placement
from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.triton.entry import kernels
from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig
from moe_core.model.experts import Bank
from moe_core.routing import registry
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.draws import Draws
from moe_core.routing.router_net import RouterNet
from moe_core.routing.routing import Routing
from moe_core.routing.scores import Router, build_router
from moe_core.routing.slots import slots_per_expert
from moe_core.routing.strategy import RouteContext, RoutedLayer


@dataclass(frozen=True)
class Mode:
    """How a pass routes.

    rule: the strategy's rule of training, or the one that a decoder can use. dropless: lift the
    capacity of strategies that choose per token; one that fills columns in training has no such
    mode, because its capacity is its rule.
    """

    rule: Literal["train", "decode"]
    dropless: bool


TRAINING = Mode("train", dropless=False)
DROPLESS = Mode("train", dropless=True)
CAUSAL = Mode("decode", dropless=True)


class State(nn.Module):
    """What a layer carries from one training step to the next: buffers, saved with the weights."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


class MoELayer(nn.Module):
    """``y = W(x) @ experts(x)`` with W the routing matrix of one strategy.

    shared: an expert that every token uses besides. build: router networks of a kind, for D and E;
    those of vectors unless told otherwise. Where it and the experts take images, a token is one.

    A sequential strategy has K routers, and the layer adds up K steps: step i routes
    ``x + y_1 + ... + y_{i-1}`` to one expert a token (Chain-of-Experts, arXiv 2506.18945). Raises
    StudyError for a K that the strategy's rule does not allow.
    """

    def __init__(
        self,
        config: MoEConfig,
        dim: int,
        experts: Bank,
        shared: nn.Module | None,
        counts_V: Tensor,
        build: Callable[[RouterNet, int, int], Router] = build_router,
    ) -> None:
        super().__init__()
        self.config = config
        self.strategy = strategy = registry.load(config.strategy)
        least, most = strategy.min_top_k, strategy.max_top_k or config.num_experts
        if not least <= config.top_k <= most:
            raise StudyError(
                "top_k",
                f"{config.top_k} is not legal for strategy {config.strategy!r}",
                f"allowed: {least} to {most}",
            )
        self.steps = config.top_k if strategy.sequential else 1
        self.top_k = config.top_k // self.steps  # of one step
        routers = self.steps if strategy.reads_logits else 0
        self.routers = nn.ModuleList(
            build(config.router, dim, config.num_experts) for _ in range(routers)
        )
        self.noise_router = (
            build("linear", dim, config.num_experts) if strategy.noise_router else None
        )
        if strategy.router_gradient == "none":
            self.routers.requires_grad_(False)
        self.backend: Backend = "auto"
        self.placement: Placement | None = None  # where other processes hold some of the experts
        self.experts, self.shared = experts, shared
        table = strategy.table
        table_VK = table(counts_V, config.num_experts, config.top_k) if table else None
        self.register_buffer("table_VK", table_VK)
        self.table_VK: Tensor | None
        self.states = nn.ModuleList(State(self._initial_state()) for _ in range(self.steps))

    def _initial_state(self) -> dict[str, Tensor]:
        build, num_experts = self.strategy.state, self.config.num_experts
        state = build(num_experts, self.top_k) if build else {}
        if self.config.bias_rate:
            state["bias_E"] = torch.zeros(num_experts)
        return state

    def forward(
        self,
        x_TD: Tensor,
        token_id_T: Tensor,
        position_T: Tensor,
        sequence: int,
        mode: Mode = TRAINING,
        draws: Draws | None = None,
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """y_TD and what each step decided.

        sequence: tokens of one, so that T is a multiple. draws: of noise and jitter while the
        module is in training mode, and of the ``random`` drop policy in any.
        """
        parts: list[Tensor] = []
        decisions = []
        group_size = len(x_TD) if self.strategy.group == "batch" else sequence
        for step in range(self.steps):
            if step:
                x_TD = x_TD + parts[-1]
            routing, logits_TE, context = self._route(
                step, x_TD, token_id_T, position_T, group_size, mode, draws
            )
            experts = self._begin(x_TD, routing)
            if self.shared is not None and step == 0:  # while rows are in flight
                parts.append(self.shared(x_TD))
            parts.append(experts())
            decisions.append(RoutedLayer(routing, logits_TE, context, sequence))
        return sum(parts[1:], parts[0]), decisions

    def _begin(self, x_TD: Tensor, routing: Routing) -> Callable[[], Tensor]:
        """Send rows to the experts of other processes, if there are any; the rest of the work."""
        if self.placement is None:
            return partial(self.experts.multiply, x_TD, routing, self.backend)
        weights = self.experts.weights()
        return InFlight(x_TD, routing, weights, self.backend, self.placement).finish

    def _route(
        self,
        step: int,
        x_TD: Tensor,
        token_id_T: Tensor,
        position_T: Tensor,
        group_size: int,
        mode: Mode,
        draws: Draws | None,
    ) -> tuple[Routing, Tensor | None, RouteContext]:
        config, strategy = self.config, self.strategy
        noise = draws if self.training else None
        if config.jitter and noise is not None:
            draw_TD = noise.uniform(*x_TD.shape).to(x_TD)
            x_TD = x_TD * (1 + config.jitter * (2 * draw_TD - 1))
        logits_TE = self.routers[step](x_TD) if len(self.routers) else None
        context = RouteContext(
            token_id_T=token_id_T,
            position_T=position_T,
            group_size=group_size,
            num_experts=config.num_experts,
            top_k=self.top_k,
            capacity=slots_per_expert(
                config.capacity_factor, self.top_k, group_size, config.num_experts
            ),
            table_VK=self.table_VK,
            noise=noise,
            noise_logits_TE=self.noise_router(x_TD) if self.noise_router and noise else None,
            state=dict(self.states[step].named_buffers()),
        )
        rule = (mode.rule == "decode" and strategy.decode) or strategy.route
        fused = kernels(x_TD.device) if self.backend == "triton" else None
        route = fused.RULES.get(config.strategy, rule) if fused else rule
        routing = route(logits_TE, context)  # type: ignore[arg-type]
        fills = strategy.fills_capacity and rule is strategy.route
        if not (fills or strategy.steers_k or mode.dropless):
            limit = fused.limit_capacity if fused else limit_capacity
            routing = limit(
                routing,
                context.capacity,
                group_size,
                config.drop_policy,
                draws.generator if draws else None,
            )
        return routing, logits_TE, context
