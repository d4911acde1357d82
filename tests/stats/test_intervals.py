import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_core.stats.intervals import mean_interval, wilson_interval


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_mean_interval_is_student_t(level: float) -> None:
    values = [1.31, 1.29, 1.36, 1.30, 1.33]
    found = mean_interval(values, level)
    ends = stats.t.interval(level, 4, loc=np.mean(values), scale=np.std(values, ddof=1) / 5**0.5)
    assert (found.mean, found.n) == (pytest.approx(np.mean(values)), 5)
    assert (found.low, found.high) == pytest.approx(ends)


def test_one_value_has_no_interval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mean_interval([1.3])
    assert (found.mean, found.n) == (1.3, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@given(st.integers(1, 10_000), st.data(), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_solves_the_score_equation(trials: int, data: st.DataObject, level: float) -> None:
    failures = data.draw(st.integers(0, trials))
    z, rate = stats.norm.ppf((1 + level) / 2), failures / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (rate * (1 - rate) / trials + z**2 / (4 * trials**2)) ** 0.5
    low, high = wilson_interval(failures, trials, level)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert 0 <= low <= rate <= high <= 1


@pytest.mark.parametrize(
    ("failures", "trials", "why"), [(0, 0, "not less than 1"), (3, 2, "greater"), (-1, 5, "k")]
)
def test_failures_are_among_trials(failures: int, trials: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        wilson_interval(failures, trials)
