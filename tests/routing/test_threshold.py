"""The running threshold: what it converges to, and that it stands in for expert choice."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from moe_core.routing import registry, threshold
from moe_core.routing.slots import slots_per_expert
from moe_core.routing.strategy import RoutedLayer, State, Strategy
from tests.routing.conftest import E, context_of

B, S = 4, 64
CHOICE, THRESHOLD = registry.load("expert_choice"), registry.load("expert_threshold")


def stream(seed: int) -> Tensor:
    """logits_TE of a batch from one distribution, in which some experts are liked better."""
    logits_TE = torch.randn(B * S, E, generator=torch.Generator().manual_seed(seed))
    return logits_TE + torch.linspace(-1, 1, E)


def layer_of(logits_TE: Tensor, state: State, top_k: int = 2, capacity: int = 16) -> RoutedLayer:
    context = context_of(len(logits_TE), top_k, S, capacity=capacity, state=state)
    return RoutedLayer(threshold.above(logits_TE, context), logits_TE, context, S)


def test_tokens_go_where_their_probability_exceeds_the_threshold() -> None:
    state = {"threshold_E": torch.linspace(0.02, 0.4, E), "steps": torch.zeros(())}
    logits_TE = stream(0)
    prob_TE = logits_TE.double().exp() / logits_TE.double().exp().sum(1, keepdim=True)
    expected_TE = torch.where(prob_TE > state["threshold_E"], prob_TE, 0.0)
    for rule in (THRESHOLD.route, CHOICE.decode):
        routing = rule(logits_TE, context_of(B * S, 2, S, state=state))
        torch.testing.assert_close(routing.dense_TE().double(), expected_TE, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("strategy", "size", "share"), [(CHOICE, S, 16 / S), (THRESHOLD, B * S, 2 / E)]
)
def test_updates_against_a_float64_loop(strategy: Strategy, size: int, share: float) -> None:
    """Expert choice ranks within a sequence; K experts a token is a mean over all tokens."""
    state, by_hand = strategy.state(E, 2), [1 / E] * E
    assert state["threshold_E"].tolist() == pytest.approx(by_hand)
    for seed in range(60):
        logits_TE = stream(seed)
        strategy.update([layer_of(logits_TE, state)])
        prob_TE = logits_TE.double().softmax(-1)
        rate = max(1 / (seed + 1), 0.02)
        for e in range(E):
            quantiles = []
            for start in range(0, B * S, size):
                ordered = sorted(prob_TE[start : start + size, e].tolist())
                place = (1 - share) * (size - 1)
                below, part = int(place), place - int(place)
                quantiles.append(ordered[below] * (1 - part) + ordered[below + 1] * part)
            by_hand[e] += rate * (sum(quantiles) / len(quantiles) - by_hand[e])
    torch.testing.assert_close(state["threshold_E"].double(), torch.tensor(by_hand).double())
    assert state["steps"] == 60


def test_each_layer_moves_its_own_state() -> None:
    states = [THRESHOLD.state(E, 2) for _ in range(2)]
    THRESHOLD.update([layer_of(stream(i), state) for i, state in enumerate(states)])
    assert not torch.equal(states[0]["threshold_E"], states[1]["threshold_E"])
    alone = THRESHOLD.state(E, 2)
    THRESHOLD.update([layer_of(stream(1), alone)])
    assert torch.equal(states[1]["threshold_E"], alone["threshold_E"])


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_threshold_converges_to_the_quantile_and_k_experts_a_token(top_k: int) -> None:
    state = THRESHOLD.state(E, top_k)
    for seed in range(100):
        THRESHOLD.update([layer_of(stream(seed), state, top_k)])
    fresh_TE = torch.cat([stream(seed) for seed in range(1000, 1100)])
    quantile_E = fresh_TE.double().softmax(-1).quantile(1 - top_k / E, dim=0)
    torch.testing.assert_close(state["threshold_E"].double(), quantile_E, rtol=0.05, atol=0)
    routing = threshold.above(fresh_TE, context_of(len(fresh_TE), top_k, S, state=state))
    load_E = routing.load_E() / len(fresh_TE)
    assert float(load_E.sum()) == pytest.approx(top_k, rel=0.03)
    assert load_E.tolist() == pytest.approx([top_k / E] * E, rel=0.1)  # every expert alike


@pytest.mark.parametrize("capacity", [1, 8, 40])
def test_decoder_takes_what_expert_choice_took_where_the_threshold_is_exact(capacity: int) -> None:
    """After one sequence the threshold lies between its C-th and its next best score."""
    state, logits_TE = CHOICE.state(E, 2), stream(0)[:S]
    layer = layer_of(logits_TE, state, capacity=capacity)
    CHOICE.update([layer])
    chosen = CHOICE.route(logits_TE, layer.context)
    assert torch.equal(CHOICE.decode(logits_TE, layer.context).dense_TE(), chosen.dense_TE())
    assert chosen.load_E().tolist() == [capacity] * E


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_decoder_uses_as_many_experts_as_expert_choice_on_average(factor: float) -> None:
    state, capacity = CHOICE.state(E, 2), slots_per_expert(factor, 2, S, E)
    for seed in range(100):
        CHOICE.update([layer_of(stream(seed), state, capacity=capacity)])
    fresh_TE = torch.cat([stream(seed) for seed in range(1000, 1100)])
    context = replace(context_of(len(fresh_TE), 2, S), state=state, capacity=capacity)
    used = CHOICE.decode(fresh_TE, context).token_A.numel() / len(fresh_TE)
    assert used == pytest.approx(2 * factor, rel=0.05)
