import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from moe_core.stats.equivalence import equivalent, tost
from moe_core.stats.intervals import Interval, mean_interval


def test_hand_calculation() -> None:
    """Mean 0.002, sd 0.002, n 4: se 0.001, so t = (0.002 - 0.005) / 0.001 = -3 decides."""
    gaps = [0.002 - 3**0.5 / 1000, 0.002 + 3**0.5 / 1000] * 2
    assert stats.sem(gaps) == pytest.approx(0.001)
    assert tost(gaps, 0.005) == pytest.approx(stats.t.sf(3, 3))
    assert tost([-gap for gap in gaps], 0.005) == pytest.approx(stats.t.sf(3, 3))
    assert tost(gaps, 0.001) == pytest.approx(stats.t.cdf(1, 3))


values = st.floats(-1, 1).map(lambda x: round(x, 3))


@given(st.lists(values, min_size=2, max_size=8), st.floats(0.01, 2))
def test_is_the_90_percent_interval_within_the_margin(gaps: list[float], margin: float) -> None:
    assume(len(set(gaps)) > 1)
    p = tost(gaps, margin)
    assume(abs(p - 0.05) > 1e-6)
    assert (p < 0.05) == equivalent(mean_interval(gaps, 0.90), margin)


@pytest.mark.parametrize(("gap", "p"), [(0.0, 0.0), (-0.009, 0.0), (0.01, 1.0), (-0.02, 1.0)])
def test_no_spread(gap: float, p: float) -> None:
    assert tost([gap] * 3, 0.01) == p


def test_one_seed_shows_no_equivalence() -> None:
    assert math.isnan(tost([0.0], 0.01))
    assert not equivalent(mean_interval([0.0]), 0.01)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.009, 0.009, True), (-0.01, 0.0, False), (0.0, 0.01, False), (0.02, 0.03, False)],
)
def test_ends_on_the_margin_are_outside(low: float, high: float, verdict: bool) -> None:
    assert equivalent(Interval((low + high) / 2, low, high, 5), 0.01) is verdict


@pytest.mark.parametrize("margin", [0.0, -0.01, math.nan])
def test_margin_is_positive(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        tost([0.0, 0.1], margin)
