import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from moe_core.measure.metrics import (
    bits_per_byte,
    dead_experts,
    gradient_norm,
    load_cv,
    max_violation,
    router_entropy,
)
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import from_token_choice

torch.set_num_threads(1)

loads = st.lists(st.integers(0, 10**6), min_size=1, max_size=32).filter(any)


@pytest.mark.parametrize(
    ("load", "cv", "violation", "dead"),
    [
        ([5, 5, 5, 5], 0.0, 0.0, 0),
        ([8, 0], 1.0, 1.0, 1),
        ([1, 3], 0.5, 0.5, 0),
        ([12, 0, 0, 0], math.sqrt(3), 3.0, 3),
        ([2, 4, 4, 4, 5, 5, 7, 9], 0.4, 0.8, 0),
    ],
)
def test_load_in_closed_form(load: list[int], cv: float, violation: float, dead: int) -> None:
    load_E = torch.tensor(load)
    assert load_cv(load_E) == pytest.approx(cv)
    assert max_violation(load_E) == pytest.approx(violation)
    assert dead_experts(load_E) == dead


@settings(deadline=None)
@given(st.integers(2, 64), st.integers(1, 1000))
def test_collapse_onto_one_expert(num_experts: int, tokens: int) -> None:
    load_E = torch.zeros(num_experts, dtype=torch.int64)
    load_E[-1] = tokens
    assert load_cv(load_E) == pytest.approx(math.sqrt(num_experts - 1))
    assert max_violation(load_E) == pytest.approx(num_experts - 1)
    assert dead_experts(load_E) == num_experts - 1


@settings(deadline=None)
@given(loads, st.integers(1, 1000), st.randoms(use_true_random=False))
def test_load_measures_ignore_scale_and_order(
    load: list[int], times: int, draw: random.Random
) -> None:
    shuffled = [times * n for n in load]
    draw.shuffle(shuffled)
    first, second = torch.tensor(load), torch.tensor(shuffled)
    assert load_cv(first) == pytest.approx(load_cv(second), abs=1e-12)
    assert max_violation(first) == pytest.approx(max_violation(second), abs=1e-12)
    assert dead_experts(first) == dead_experts(second) == load.count(0)
    # the largest deviation is at most that of all experts together
    assert 0 <= max_violation(first) <= load_cv(first) * math.sqrt(len(load)) + 1e-9


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=64), st.integers(1, 8))
def test_capacity_does_not_change_the_load(experts: list[int], capacity: int) -> None:
    """D8: load is what the router asked for, not what fitted."""
    routing = from_token_choice(torch.tensor(experts).unsqueeze(-1), torch.ones(len(experts), 1), 4)
    limited = limit_capacity(routing, capacity, len(experts), "position")
    counts = torch.tensor([experts.count(e) for e in range(4)])
    assert torch.equal(limited.load_E(), counts)
    assert load_cv(limited.load_E()) == load_cv(counts)
    kept = [min(int(n), capacity) for n in counts]
    assert int(limited.kept_A.sum()) == sum(kept)


@settings(deadline=None)
@given(st.integers(1, 256), st.floats(-50, 50))
def test_uniform_router_has_entropy_ln_e(num_experts: int, level: float) -> None:
    logits = torch.full((3, num_experts), level)
    assert float(router_entropy(logits)) == pytest.approx(math.log(num_experts), abs=1e-9)


def test_one_hot_router_has_no_entropy() -> None:
    logits_TE = 1000 * torch.eye(5)
    assert float(router_entropy(logits_TE)) == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-8, 8), min_size=4, max_size=4), min_size=1, max_size=6))
def test_entropy_is_of_the_full_distribution(rows: list[list[float]]) -> None:
    """D9: not of the chosen experts, nor zero by decree for a hard choice."""
    expected = []
    for row in rows:
        weights = [math.exp(z) for z in row]
        shares = [w / sum(weights) for w in weights]
        expected.append(-sum(p * math.log(p) for p in shares))
    entropy = float(router_entropy(torch.tensor(rows, dtype=torch.float64)))
    assert entropy == pytest.approx(sum(expected) / len(expected), abs=1e-9)
    assert 0 <= entropy <= math.log(4) + 1e-12


def test_entropy_above_what_two_chosen_experts_could_have() -> None:
    """A mild router over 8 experts: the gates of any two of them hold at most ln 2."""
    logits_TE = torch.linspace(0, 1, 8).expand(5, 8)
    assert float(router_entropy(logits_TE)) > math.log(2) + 1


@settings(deadline=None)
@given(st.floats(0.1, 8), st.integers(1, 10**9))
def test_bits_per_byte(bits: float, size: int) -> None:
    assert bits_per_byte(bits * size * math.log(2), size) == pytest.approx(bits)


def test_gradient_norm() -> None:
    def parameter(gradient: Tensor | None) -> nn.Parameter:
        made = nn.Parameter(torch.zeros(2, 2))
        made.grad = gradient
        return made

    three, four = torch.zeros(2, 2), torch.zeros(2, 2)
    three[0, 1], four[1, 0] = 3, -4
    assert gradient_norm([parameter(three), parameter(four), parameter(None)]) == 5
    assert gradient_norm([parameter(None)]) == gradient_norm([]) == 0
