"""ReMoE: ReLU gates, kept sparse by an L1 term whose weight steers the mean number of experts."""

import torch
from torch import Tensor

from moe_core.routing.routing import Routing, from_mask
from moe_core.routing.strategy import RouteContext, RoutedLayer, State, Strategy

FIRST_WEIGHT, GROWTH = 1e-8, 1.2  # section 3.3


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Every expert of positive gate relu(z); a token may use none, or all. K is a target."""
    gate_TE = logits_TE.relu()
    return from_mask(gate_TE > 0, gate_TE)


def initial(*_: int) -> State:
    """Weight of the L1 term; all layers hold the same."""
    return {"l1_weight": torch.tensor(FIRST_WEIGHT)}


def load_balancing_l1(layers: list[RoutedLayer]) -> Tensor:
    """``lambda / (L T) * sum_lte f_le relu(z_lte)``, f_le = load_le * E / (K T) (eq. 9 and 10)."""
    terms = []
    for layer in layers:
        assert layer.logits_TE is not None
        context, routing = layer.context, layer.routing
        share_E = routing.load_E() * (context.num_experts / context.top_k / routing.num_tokens)
        terms.append((share_E * layer.logits_TE.relu().mean(0)).sum())
    return layers[0].context.state["l1_weight"] * torch.stack(terms).mean()


@torch.no_grad()
def steer(layers: list[RoutedLayer]) -> None:
    """lambda times 1.2 to the sign of (active - wanted), experts summed over tokens (eq. 7)."""
    active = sum(layer.routing.token_A.numel() for layer in layers)
    wanted = sum(layer.context.top_k * layer.routing.num_tokens for layer in layers)
    for layer in layers:
        layer.context.state["l1_weight"] *= GROWTH ** ((active > wanted) - (active < wanted))


STRATEGY = Strategy(
    label="ReMoE",
    source="ReMoE, arXiv 2412.14711, eq. 6 to 10",
    causal=True,
    group="token",
    router_gradient="task",
    balanced_by="own",
    gate="relu",
    steers_k=True,
    route=route,
    state=initial,
    update=steer,
    loss=load_balancing_l1,
)
