import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from moe_core.measure.metrics import (
    bits_per_byte,
    coactivation_EE,
    coactivation_max,
    dead_experts,
    gini,
    gradient_norm,
    load_cv,
    marginal_entropy,
    max_violation,
    router_entropy,
    saturation,
    top1_margin,
)
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import from_mask, from_token_choice

torch.set_num_threads(1)

loads = st.lists(st.integers(0, 10**6), min_size=1, max_size=32).filter(any)
logit_rows = st.lists(st.lists(st.floats(-8, 8), min_size=4, max_size=4), min_size=1, max_size=6)
choices = st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=12)


def softmax(row: list[float]) -> list[float]:
    weights = [math.exp(z) for z in row]
    return [w / sum(weights) for w in weights]


def chosen_sets(rows: list[list[bool]]) -> list[set[int]]:
    return [{e for e, chosen in enumerate(row) if chosen} for row in rows]


@pytest.mark.parametrize(
    ("load", "cv", "violation", "dead", "inequality"),
    [
        ([5, 5, 5, 5], 0.0, 0.0, 0, 0.0),
        ([8, 0], 1.0, 1.0, 1, 1 / 2),
        ([1, 3], 0.5, 0.5, 0, 1 / 4),
        ([12, 0, 0, 0], math.sqrt(3), 3.0, 3, 3 / 4),
        ([2, 4, 4, 4, 5, 5, 7, 9], 0.4, 0.8, 0, 17 / 80),
    ],
)
def test_load_in_closed_form(
    load: list[int], cv: float, violation: float, dead: int, inequality: float
) -> None:
    load_E = torch.tensor(load)
    assert load_cv(load_E) == pytest.approx(cv)
    assert max_violation(load_E) == pytest.approx(violation)
    assert dead_experts(load_E) == dead
    assert gini(load_E) == pytest.approx(inequality, abs=1e-12)


@settings(deadline=None)
@given(st.integers(2, 64), st.integers(1, 1000))
def test_collapse_onto_one_expert(num_experts: int, tokens: int) -> None:
    load_E = torch.zeros(num_experts, dtype=torch.int64)
    load_E[-1] = tokens
    assert load_cv(load_E) == pytest.approx(math.sqrt(num_experts - 1))
    assert max_violation(load_E) == pytest.approx(num_experts - 1)
    assert dead_experts(load_E) == num_experts - 1
    assert gini(load_E) == pytest.approx((num_experts - 1) / num_experts)


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
    assert gini(first) == pytest.approx(gini(second), abs=1e-12)
    # the largest deviation is at most that of all experts together
    assert 0 <= max_violation(first) <= load_cv(first) * math.sqrt(len(load)) + 1e-9


@settings(deadline=None)
@given(loads)
def test_gini_is_the_mean_difference_over_twice_the_mean(load: list[int]) -> None:
    differences = sum(abs(a - b) for a in load for b in load) / len(load) ** 2
    assert gini(torch.tensor(load)) == pytest.approx(
        differences * len(load) / (2 * sum(load)), abs=1e-12
    )


@settings(deadline=None)
@given(loads, st.randoms(use_true_random=False))
def test_gini_falls_when_the_fuller_expert_gives_to_the_emptier(
    load: list[int], draw: random.Random
) -> None:
    """Pigou-Dalton: a transfer that narrows a gap never widens the inequality."""
    giver, taker = draw.randrange(len(load)), draw.randrange(len(load))
    after = list(load)
    gift = draw.randint(0, max(0, load[giver] - load[taker]) // 2)
    after[giver] -= gift
    after[taker] += gift
    before = gini(torch.tensor(load))
    assert gini(torch.tensor(after)) <= before + 1e-12
    assert gift == 0 or gini(torch.tensor(after)) < before


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
@given(logit_rows)
def test_entropy_is_of_the_full_distribution(rows: list[list[float]]) -> None:
    """D9: not of the chosen experts, nor zero by decree for a hard choice."""
    expected = []
    for row in rows:
        expected.append(-sum(p * math.log(p) for p in softmax(row)))
    entropy = float(router_entropy(torch.tensor(rows, dtype=torch.float64)))
    assert entropy == pytest.approx(sum(expected) / len(expected), abs=1e-9)
    assert 0 <= entropy <= math.log(4) + 1e-12


def test_entropy_above_what_two_chosen_experts_could_have() -> None:
    """A mild router over 8 experts: the gates of any two of them hold at most ln 2."""
    logits_TE = torch.linspace(0, 1, 8).expand(5, 8)
    assert float(router_entropy(logits_TE)) > math.log(2) + 1


@settings(deadline=None)
@given(logit_rows)
def test_marginal_less_mean_entropy_is_the_information_of_the_router(
    rows: list[list[float]],
) -> None:
    logits_TE = torch.tensor(rows, dtype=torch.float64)
    prob_TE = [softmax(row) for row in rows]
    mean_E = [sum(column) / len(rows) for column in zip(*prob_TE, strict=True)]
    # mean divergence of a token's distribution from that of all tokens
    information = sum(
        p * math.log(p / q) for row in prob_TE for p, q in zip(row, mean_E, strict=True)
    ) / len(rows)
    prob_sum_E = logits_TE.softmax(-1).sum(0)
    assert marginal_entropy(prob_sum_E) == pytest.approx(marginal_entropy(7 * prob_sum_E))
    assert marginal_entropy(prob_sum_E) - float(router_entropy(logits_TE)) == pytest.approx(
        information, abs=1e-9
    )


def test_marginal_entropy_in_closed_form() -> None:
    assert marginal_entropy(torch.tensor([0.0, 3.0, 0.0])) == 0
    one_hot_TE = torch.eye(5)
    assert marginal_entropy(one_hot_TE.sum(0)) == pytest.approx(math.log(5))


@settings(deadline=None)
@given(logit_rows, st.floats(-100, 100))
def test_top1_margin(rows: list[list[float]], level: float) -> None:
    expected = []
    for row in rows:
        second, first = sorted(softmax(row))[-2:]
        expected.append(first - second)
    logits_TE = torch.tensor(rows, dtype=torch.float64)
    margin = float(top1_margin(logits_TE))
    assert margin == pytest.approx(sum(expected) / len(expected), abs=1e-9)
    assert margin == pytest.approx(float(top1_margin(logits_TE + level)), abs=1e-9)


def test_top1_margin_of_a_tie_and_of_a_lone_expert() -> None:
    assert float(top1_margin(torch.tensor([[4.0, 4.0, 0.0]]))) == 0
    assert float(top1_margin(torch.tensor([[4.0]]))) == 1


@settings(deadline=None)
@given(choices, st.integers(0, 12))
def test_coactivation_counts_tokens_before_dropping(rows: list[list[bool]], split: int) -> None:
    mask_TE, sets = torch.tensor(rows), chosen_sets(rows)
    routing = from_mask(mask_TE, mask_TE.float())
    counts_EE = coactivation_EE(routing.with_kept(torch.zeros_like(routing.kept_A)))
    expected = [[sum({i, j} <= chosen for chosen in sets) for j in range(5)] for i in range(5)]
    assert counts_EE.dtype == torch.int64
    assert counts_EE.tolist() == expected
    batches = [from_mask(part, part.float()) for part in (mask_TE[:split], mask_TE[split:])]
    assert torch.equal(sum(map(coactivation_EE, batches)), counts_EE)
    shares = [
        expected[i][j] / expected[i][i]
        for i in range(5)
        for j in range(5)
        if i != j and expected[i][i]
    ]
    if max(map(len, sets)) > 1:
        assert coactivation_max(counts_EE) == pytest.approx(max(shares), rel=1e-12)
    else:
        assert math.isnan(coactivation_max(counts_EE))


def test_coactivation_is_highest_given_the_rarer_of_a_pair() -> None:
    """Expert 1 never comes without 0, though 0 comes with 1 only once in four."""
    routing = from_mask(
        torch.tensor([[1, 1, 0], [1, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, 1]]).bool(),
        torch.ones(5, 3),
    )
    counts_EE = coactivation_EE(routing)
    assert counts_EE.tolist() == [[4, 1, 2], [1, 1, 0], [2, 0, 3]]
    assert coactivation_max(counts_EE) == 1
    assert coactivation_max(counts_EE[::2, ::2]) == pytest.approx(2 / 3, rel=1e-12)


def test_an_expert_chosen_twice_by_a_token_counts_once() -> None:
    routing = from_token_choice(torch.tensor([[1, 1], [1, 2]]), torch.ones(2, 2), 3)
    assert coactivation_EE(routing).tolist() == [[0, 0, 0], [0, 2, 1], [0, 1, 1]]


@settings(deadline=None)
@given(choices, choices)
def test_saturation(early: list[list[bool]], final: list[list[bool]]) -> None:
    tokens = min(len(early), len(final))
    early_TE, final_TE = torch.tensor(early[:tokens]), torch.tensor(final[:tokens])
    pairs = zip(chosen_sets(early[:tokens]), chosen_sets(final[:tokens]), strict=True)
    shares = [len(a & b) / len(b) for a, b in pairs if b]
    if not shares:
        assert math.isnan(saturation(early_TE, final_TE))
        return
    share = saturation(early_TE, final_TE)
    assert share == pytest.approx(sum(shares) / len(shares), rel=1e-12)
    assert saturation(final_TE, final_TE) == 1
    assert share + saturation(~early_TE, final_TE) == pytest.approx(1)


def test_saturation_of_unrelated_choices_is_k_over_e() -> None:
    draw = torch.Generator().manual_seed(0)
    early_TE, final_TE = (
        torch.zeros(20_000, 8).scatter(1, torch.rand(20_000, 8, generator=draw).topk(2).indices, 1)
        for _ in range(2)
    )
    # the overlap of 2 of 8 with 2 of 8 is hypergeometric: its share has a deviation of 0.23
    assert saturation(early_TE.bool(), final_TE.bool()) == pytest.approx(
        2 / 8, abs=4 * 0.23 / math.sqrt(20_000)
    )


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
