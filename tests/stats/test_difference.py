import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_core.stats.difference import Source, difference, half_width, interval, p_value

variances = st.floats(1e-8, 1e2)
degrees = st.integers(1, 2000)
sources = st.lists(st.builds(Source, variances, degrees), min_size=1, max_size=3)


@given(variances, degrees, st.floats(0.01, 10))
def test_one_source_is_student_t(variance: float, df: int, t: float) -> None:
    alone = [Source(variance, df), Source(0.0, 1)]
    assert half_width(alone, 0.05) == pytest.approx(variance**0.5 * stats.t.ppf(0.975, df))
    assert p_value(-t * variance**0.5, alone) == pytest.approx(2 * stats.t.sf(t, df))


@given(variances, variances, degrees, degrees)
def test_two_sources_lie_between_their_quantiles(a: float, b: float, n: int, m: int) -> None:
    ratio = half_width([Source(a, n), Source(b, m)], 0.05) / math.sqrt(a + b)
    few, many = stats.t.ppf(0.975, [min(n, m), max(n, m)])
    assert many * (1 - 1e-9) <= ratio <= few * (1 + 1e-9)
    same = half_width([Source(a, n), Source(b, n)], 0.05) / math.sqrt(a + b)
    assert same == pytest.approx(stats.t.ppf(0.975, n))


def test_weights_are_the_variances() -> None:
    weighted = 0.75 * stats.t.ppf(0.975, 2) + 0.25 * stats.t.ppf(0.975, 39)
    assert half_width([Source(3.0, 2), Source(1.0, 39)], 0.05) == pytest.approx(2 * weighted)


@given(st.floats(-10, 10), sources)
def test_p_value_and_interval_agree(mean: float, parts: list[Source]) -> None:
    p = p_value(mean, parts)
    if p > 0:
        assert half_width(parts, p) == pytest.approx(abs(mean), abs=1e-9)
    whole = difference(mean, parts, 5)
    assert whole.p_value == p
    for found, level in [(whole.interval, 0.95), (whole.interval90, 0.90)]:
        assert found == interval(mean, parts, 5, level)
        assert not found.low < 0 < found.high or p > 1 - level - 1e-9
        assert found.low <= 0 <= found.high or p < 1 - level + 1e-9


@pytest.mark.parametrize(("mean", "p"), [(0.0, 1.0), (1e-9, 0.0), (-2.0, 0.0)])
def test_no_spread(mean: float, p: float) -> None:
    found = difference(mean, [Source(0.0, 4), Source(0.0, 39)], 5)
    assert (found.interval.low, found.interval.high, found.p_value) == (mean, mean, p)


@pytest.mark.parametrize("df", [1, 2, 3, 5, 10, 5000])
def test_p_value_of_a_far_mean_is_small(df: int) -> None:
    assert p_value(1e80, [Source(1e-80, df)]) < 1e-70


@pytest.mark.parametrize(("mean", "variance"), [(0.0, math.nan), (1.0, math.nan), (math.nan, 1.0)])
def test_an_unknown_mean_or_spread_is_no_verdict(mean: float, variance: float) -> None:
    found = difference(mean, [Source(variance, 4)], 5)
    assert all(map(math.isnan, (found.interval.low, found.interval90.high, found.p_value)))
