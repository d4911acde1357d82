"""What one layer costs, stage by stage, and how much memory it takes."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.dispatch.dispatch import dispatch
from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.weights import ExpertWeights
from moe_core.measure.router_kernels import Shape, torch_select
from moe_core.random_streams import stream
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing, from_token_choice

FORWARD = ("router", "select", "slots", "experts")


class ProfiledLayer:
    """A softmax router, its losses, capacity and SwiGLU experts on random tokens.

    hidden: F, width of an expert.
    """

    def __init__(self, shape: Shape, hidden: int, device: str, backend: Backend) -> None:
        random = stream(0, "layer profile", shape.num_experts, shape.top_k)
        self.shape, self.backend = shape, backend

        def normal(*size: int) -> Tensor:
            drawn = torch.randn(size, generator=random) * size[-1] ** -0.5
            return drawn.to(device, shape.dtype).requires_grad_()

        dim, experts = shape.dim, shape.num_experts
        self.x_TD = normal(shape.tokens, dim)
        self.router_ED = normal(experts, dim).detach().float().requires_grad_()
        inner, outer = normal(experts, 2 * hidden, dim), normal(experts, dim, hidden)
        self.weights = ExpertWeights(inner, outer, "swiglu")

    def router(self) -> Tensor:
        """logits_TE, in fp32."""
        return F.linear(self.x_TD.float(), self.router_ED)

    def select(self, logits_TE: Tensor) -> tuple[Routing, Tensor]:
        """Routing before capacity; Switch loss and z-loss."""
        expert_TK, weight_TK, switch, z = torch_select(logits_TE, self.shape.top_k)
        return from_token_choice(expert_TK, weight_TK, self.shape.num_experts), switch + z

    def slots(self, routing: Routing) -> Routing:
        """Routing within capacity."""
        return limit_capacity(routing, self.shape.capacity, self.shape.tokens, "position")

    def experts(self, limited: Routing) -> Tensor:
        """y_TD."""
        return dispatch(self.x_TD, limited, self.weights, self.backend)

    def forward(self) -> tuple[Tensor, Tensor]:
        """y_TD and the losses."""
        routing, losses = self.select(self.router())
        return self.experts(self.slots(routing)), losses

    def whole(self) -> None:
        """Forward and backward, gradients to all weights and to x."""
        y_TD, losses = self.forward()
        wanted = [self.x_TD, self.router_ED, self.weights.in_EHD, self.weights.out_EDF]
        torch.autograd.grad([y_TD, losses], wanted, [torch.ones_like(y_TD), torch.ones(())])

    def calls(self) -> dict[str, Callable[[], object]]:
        """Each stage of FORWARD on what the ones before it gave, then forward, then whole."""
        logits_TE = self.router().detach().requires_grad_()
        routing, _ = self.select(logits_TE)
        expert_TK = routing.expert_A.view(-1, self.shape.top_k)
        weight_TK = routing.weight_A.detach().view(-1, self.shape.top_k)
        limited = self.slots(from_token_choice(expert_TK, weight_TK, self.shape.num_experts))

        def slots() -> Routing:  # of a new matrix, for one keeps its order
            return self.slots(from_token_choice(expert_TK, weight_TK, self.shape.num_experts))

        return {
            "router": self.router,
            "select": lambda: self.select(logits_TE),
            "slots": slots,
            "experts": lambda: self.experts(limited),
            "forward": self.forward,
            "whole": self.whole,
        }
