"""A running threshold an expert: the score above which it would take a token.

It makes expert choice usable by a decoder, which cannot rank tokens that do not exist yet.
"""

import torch
from torch import Tensor

from moe_core.routing.routing import Routing, from_mask
from moe_core.routing.strategy import RouteContext, RoutedLayer, State

DECAY = 0.98  # a memory of some 50 steps


def initial(num_experts: int, _: int) -> State:
    """threshold_E at the mean probability, and how many steps have been seen."""
    return {
        "threshold_E": torch.full((num_experts,), 1 / num_experts),
        "steps": torch.zeros(()),
    }


def above(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Token t goes to e where p_te > threshold_e, with weight p_te, p = softmax(z).

    The quantile rule of Mixture-of-Depths (arXiv 2404.02258, section 3.5), for E experts.
    """
    prob_TE = logits_TE.softmax(-1)
    return from_mask(prob_TE > context.state["threshold_E"], prob_TE)


def follow_capacity(layers: list[RoutedLayer]) -> None:
    """Towards the score of the C-th best token of a sequence, which is what expert choice takes."""
    for layer in layers:
        size = layer.context.group_size
        _move(layer, size, layer.context.capacity / size)


def follow_top_k(layers: list[RoutedLayer]) -> None:
    """Towards the score that a share K / E of all tokens exceeds: K experts a token on average."""
    for layer in layers:
        _move(layer, layer.routing.num_tokens, layer.context.top_k / layer.context.num_experts)


@torch.no_grad()
def _move(layer: RoutedLayer, size: int, share: float) -> None:
    """Towards the score that a share of ``size`` consecutive tokens exceeds, a mean over such."""
    assert layer.logits_TE is not None
    state = layer.context.state
    prob_GSE = layer.logits_TE.softmax(-1).unflatten(0, (-1, size))
    quantile_E = prob_GSE.quantile(1 - share, dim=1).mean(0)
    # a plain mean over the first steps, so that the start is soon forgotten
    rate = torch.clamp(1 / (state["steps"] + 1), min=1 - DECAY)
    state["threshold_E"].lerp_(quantile_E.to(state["threshold_E"].dtype), rate)
    state["steps"] += 1
