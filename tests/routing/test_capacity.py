"""Slots of an expert, who is dropped, and the drop rate that random routing must have."""

import math
from collections import defaultdict
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom

from moe_core.routing.capacity import DropPolicy, limit_capacity
from moe_core.routing.routing import Routing, from_mask, from_token_choice
from moe_core.routing.slots import random_drop_law, slots_per_expert

LIMITING: list[DropPolicy] = ["position", "probability", "random"]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_top_k(tokens: int, k: int, experts: int, draw: torch.Generator) -> Routing:
    """k distinct uniformly random experts a token, random weights."""
    expert_TK = torch.rand(tokens, experts, generator=draw).topk(k).indices
    return from_token_choice(expert_TK, torch.rand(tokens, k, generator=draw), experts)


@st.composite
def routings(draw: st.DrawFn) -> tuple[Routing, int, int]:
    """A routing of any load, its group size and a capacity; weights tie now and then."""
    groups, size, experts = (draw(st.integers(1, most)) for most in (3, 12, 5))
    seeded = generator(draw(st.integers(0, 2**32)))
    tokens = groups * size
    if draw(st.booleans()):
        popularity_E = torch.rand(experts, generator=seeded) * draw(st.sampled_from([1.0, 5.0]))
        score_TE = popularity_E + torch.rand(tokens, experts, generator=seeded)
        expert_TK = score_TE.topk(draw(st.integers(1, experts))).indices
        weight_TK = torch.randint(1, 6, expert_TK.shape, generator=seeded) / 5
        routing = from_token_choice(expert_TK, weight_TK, experts)
    else:
        weight_TE = torch.randint(-3, 6, (tokens, experts), generator=seeded) / 5
        routing = from_mask(weight_TE > 0, weight_TE)
    return routing, size, draw(st.integers(1, size))


def queues(routing: Routing, size: int) -> dict[tuple[int, int], list[int]]:
    """Assignments of each (group, expert), in the order in which they stand."""
    found = defaultdict(list)
    entries = zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True)
    for a, (t, e) in enumerate(entries):
        found[t // size, e].append(a)
    return found


@pytest.mark.parametrize("policy", LIMITING)
@given(case=routings(), seed=st.integers(0, 99))
def test_a_queue_keeps_the_smaller_of_load_and_capacity(
    policy: DropPolicy, case: tuple[Routing, int, int], seed: int
) -> None:
    routing, size, capacity = case
    limited = limit_capacity(routing, capacity, size, policy, generator(seed))
    for queue_A in queues(routing, size).values():
        assert int(limited.kept_A[queue_A].sum()) == min(len(queue_A), capacity)


@pytest.mark.parametrize("policy", [*LIMITING, "none"])
@given(case=routings(), seed=st.integers(0, 99))
def test_d8_dropping_marks_assignments_and_leaves_load_alone(
    policy: DropPolicy, case: tuple[Routing, int, int], seed: int
) -> None:
    routing, size, capacity = case
    limited = limit_capacity(routing, capacity, size, policy, generator(seed))
    for field in ("token_A", "expert_A", "weight_A"):
        assert getattr(limited, field) is getattr(routing, field)
    assert limited.load_E().tolist() == routing.load_E().tolist()
    kept_E = (limited.dense_TE() > 0).sum(0)
    dropped_E = routing.expert_A[~limited.kept_A].bincount(minlength=routing.num_experts)
    assert (kept_E + dropped_E).tolist() == routing.load_E().tolist()
    assert limited.kept_per_token_T().tolist() == (limited.dense_TE() > 0).sum(1).tolist()


@given(case=routings())
def test_policy_none_keeps_all(case: tuple[Routing, int, int]) -> None:
    routing, size, capacity = case
    assert limit_capacity(routing, capacity, size, "none").kept_A.all()


@given(case=routings())
def test_policy_position_keeps_the_first_in_token_major_order(
    case: tuple[Routing, int, int],
) -> None:
    routing, size, capacity = case
    limited = limit_capacity(routing, capacity, size, "position")
    for queue_A in queues(routing, size).values():
        expected = [place < capacity for place in range(len(queue_A))]
        assert limited.kept_A[queue_A].tolist() == expected


@given(case=routings())
def test_policy_probability_keeps_the_largest_weights(case: tuple[Routing, int, int]) -> None:
    routing, size, capacity = case
    limited = limit_capacity(routing, capacity, size, "probability")
    for queue_A in queues(routing, size).values():
        kept = limited.weight_A[[a for a in queue_A if limited.kept_A[a]]]
        expected = routing.weight_A[queue_A].sort(descending=True).values[:capacity]
        assert sorted(kept.tolist(), reverse=True) == expected.tolist()


def test_policy_random_is_fair_and_a_function_of_its_generator() -> None:
    ones_TK = torch.ones(10, 1)
    routing = from_token_choice(torch.zeros(10, 1, dtype=torch.int64), ones_TK, 1)
    kept = torch.stack(
        [limit_capacity(routing, 3, 10, "random", generator(s)).kept_A for s in range(400)]
    )
    share_A = kept.double().mean(0)
    assert (share_A - 0.3).abs().max() < 5 * math.sqrt(0.3 * 0.7 / 400)
    assert torch.equal(kept[7], limit_capacity(routing, 3, 10, "random", generator(7)).kept_A)


@pytest.mark.parametrize("policy", LIMITING)
@given(case=routings(), seed=st.integers(0, 99))
def test_d18_a_drop_depends_on_its_own_sequence_alone(
    policy: DropPolicy, case: tuple[Routing, int, int], seed: int
) -> None:
    routing, size, capacity = case
    before = limit_capacity(routing, capacity, size, policy, generator(seed))
    first_A = routing.token_A < size
    crowded = Routing(
        routing.token_A,
        torch.where(first_A, routing.expert_A, 0),
        torch.where(first_A, routing.weight_A, 9.0),
        routing.kept_A,
        routing.num_tokens,
        routing.num_experts,
    )
    after = limit_capacity(crowded, capacity, size, policy, generator(seed))
    assert after.kept_A[first_A].tolist() == before.kept_A[first_A].tolist()


@pytest.mark.parametrize("policy", ["position", "probability"])
def test_d18_equal_sequences_drop_alike(policy: DropPolicy) -> None:
    one = random_top_k(32, 2, 4, generator(0))
    expert_TK, weight_TK = one.expert_A.view(32, 2), one.weight_A.view(32, 2)
    batch = from_token_choice(expert_TK.repeat(8, 1), weight_TK.repeat(8, 1), 4)
    kept_BA = limit_capacity(batch, 10, 32, policy).kept_A.view(8, -1)
    assert torch.equal(kept_BA, kept_BA[:1].expand(8, -1))
    assert not kept_BA[0].all()


def test_what_was_dropped_before_stays_dropped() -> None:
    routing = random_top_k(16, 1, 2, generator(0))
    none_A = torch.zeros_like(routing.kept_A)
    assert not limit_capacity(routing.with_kept(none_A), 16, 16, "position").kept_A.any()


@given(
    hundredths=st.integers(1, 400),
    k=st.integers(1, 8),
    size=st.integers(1, 512),
    experts=st.integers(1, 256),
)
@example(hundredths=110, k=2, size=100, experts=4)  # 55.00000000000001 in floating point
def test_slots_per_expert_is_the_exact_ceiling(
    hundredths: int, k: int, size: int, experts: int
) -> None:
    exact = math.ceil(Fraction(hundredths, 100) * k * size / experts)
    assert slots_per_expert(hundredths / 100, k, size, experts) == min(exact, size)


def exact_drop(capacity: int, tokens: int, top_k: int, experts: int) -> float:
    """E[max(X - C, 0)] / m, with E[max(X - C, 0)] = sum over c >= C of P(X > c)."""
    tail = binom(tokens, top_k / experts).sf(torch.arange(capacity, tokens).numpy()).sum()
    return float(tail) / (tokens * top_k / experts)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.05, 1.1, 1.25, 1.5])
@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("experts", [64, 128, 256])
def test_drop_law_is_the_exact_binomial_expectation(experts: int, k: int, factor: float) -> None:
    capacity = slots_per_expert(factor, k, 8192, experts)
    law = random_drop_law(capacity, 8192, k, experts)
    assert law == pytest.approx(exact_drop(capacity, 8192, k, experts), abs=2e-3)
    assert law >= 0


@pytest.mark.parametrize(("experts", "k", "factor"), [(64, 2, 1.0), (64, 2, 1.1), (128, 1, 0.9)])
def test_drop_law_is_what_random_routing_drops(experts: int, k: int, factor: float) -> None:
    tokens, draws, seeded = 2048, 24, generator(0)
    capacity = slots_per_expert(factor, k, tokens, experts)
    drop_N = torch.empty(draws, dtype=torch.float64)
    for n in range(draws):
        routing = random_top_k(tokens, k, experts, seeded)
        limited = limit_capacity(routing, capacity, tokens, "position")
        drop_N[n] = 1 - limited.kept_A.double().mean()
    error = float(drop_N.std()) / math.sqrt(draws)
    law = random_drop_law(capacity, tokens, k, experts)
    assert error < 2e-3
    # five standard errors, and what the normal approximation may cost
    assert float(drop_N.mean()) == pytest.approx(law, abs=5 * error + 1e-3)


@pytest.mark.parametrize(("factor", "expected"), [(0.5, 0.5), (0.75, 0.25), (1.0, 0), (1.5, 0)])
def test_drop_law_where_each_expert_receives_each_token(factor: float, expected: float) -> None:
    capacity = slots_per_expert(factor, 4, 1024, 4)
    assert random_drop_law(capacity, 1024, 4, 4) == pytest.approx(expected)
    assert random_drop_law(2 * 1024, 1024, 4, 4) == 0
    routing = random_top_k(1024, 4, 4, generator(0))
    limited = limit_capacity(routing, capacity, 1024, "position")
    assert float((~limited.kept_A).double().mean()) == pytest.approx(expected)
