import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moe_core.stats.ranking import kendall_tau

arms = st.integers(2, 6)


@settings(deadline=None)
@given(
    arms.flatmap(lambda m: st.tuples(*[st.lists(st.integers(0, 3), min_size=m, max_size=m)] * 2))
)
def test_tau_b_by_counting_pairs(orders: tuple[list[int], list[int]]) -> None:
    a, b = (np.array(order) for order in orders)
    pairs = list(itertools.combinations(range(len(a)), 2))
    a_signs, b_signs = (np.array([np.sign(x[i] - x[j]) for i, j in pairs]) for x in (a, b))
    assume(a_signs.any() and b_signs.any())
    tau = a_signs @ b_signs / math.sqrt((a_signs**2).sum() * (b_signs**2).sum())
    assert kendall_tau([a], [b]).mean == pytest.approx(tau)


def test_ranks_by_the_mean_over_seeds() -> None:
    assert kendall_tau([[0, 1], [5, 1]], [[2, 1]]).mean == 1


@pytest.mark.parametrize(
    ("gaps", "low"),
    [([1, 1, -0.3], -1), ([1, 1, 1, -0.3], 1), ([1, -2, 1, 1, 1], -1)],
)
def test_percentiles_of_two_arms_in_closed_form(gaps: list[float], low: float) -> None:
    """Order of the arms flips in 1/27, 1/256 and 26 % of the resamples; 1/40 is the bar."""
    a_RM = [[0, gap] for gap in gaps]
    found = kendall_tau(a_RM, [[0, 1]] * len(gaps))
    assert (found.mean, found.low, found.high, found.n) == (1, low, 1, len(gaps))
    mirrored = kendall_tau(a_RM, [[1, 0]] * len(gaps))
    assert (mirrored.mean, mirrored.low, mirrored.high) == (-1, -1, -low)


def test_paired_seeds_are_drawn_together_and_others_apart() -> None:
    noise_RM = np.random.default_rng(0).normal(size=(5, 6))
    together = kendall_tau(noise_RM, 3 * noise_RM + 1, resamples=300)
    assert (together.low, together.mean, together.high) == pytest.approx((1, 1, 1))
    apart = kendall_tau(noise_RM, np.vstack([noise_RM, noise_RM.mean(0)]), resamples=300)
    assert apart.mean == pytest.approx(1)
    assert apart.low < 0.8
    assert apart.n == 5


def test_clear_orders_are_certain() -> None:
    a_RM = np.random.default_rng(1).normal([1, 2, 3, 4], 0.01, size=(3, 4))
    found = kendall_tau(a_RM, -a_RM[:2], resamples=100)
    assert (found.low, found.mean, found.high) == pytest.approx((-1, -1, -1))
    assert found.n == 2


def test_one_seed_has_no_interval() -> None:
    found = kendall_tau([[1, 2, 3]], [[1, 2, 3], [1, 2, 4]])
    assert (found.mean, found.n) == (pytest.approx(1), 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_an_order_of_ties_alone_is_no_order() -> None:
    found = kendall_tau([[1, 2], [2, 1]], [[1, 2], [1, 2]])
    assert all(map(math.isnan, (found.mean, found.low, found.high)))


def test_a_function_of_its_seed() -> None:
    noise_RM = np.random.default_rng(2).normal(size=(5, 8))
    found = [kendall_tau(noise_RM, -noise_RM[::-1], resamples=50, seed=s) for s in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("a", "b"), [([[1, 2]], [[1, 2, 3]]), ([[1]], [[1]]), ([1, 2], [[1, 2]]), ([[1, 2]], [1, 2])]
)
def test_arms_are_the_same_and_at_least_two(a: list, b: list) -> None:
    with pytest.raises(ValueError, match="seeds by the same two arms"):
        kendall_tau(a, b)
