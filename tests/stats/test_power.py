import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_core.stats.difference import Source, difference
from moe_core.stats.intervals import Interval
from moe_core.stats.paired import difference_interval
from moe_core.stats.power import detectable, minimum_detectable_effect, seeds_needed


@pytest.mark.parametrize(("n", "alpha", "power"), [(3, 0.05, 0.8), (5, 0.05, 0.8), (5, 0.01, 0.5)])
def test_a_simulated_t_test_finds_the_effect_that_often(n: int, alpha: float, power: float) -> None:
    effect = minimum_detectable_effect(0.01, n, alpha, power)
    pairs = np.random.default_rng(0).normal(effect, 0.01, size=(n, 100_000))
    found = np.mean(stats.ttest_1samp(pairs, 0).pvalue < alpha)
    assert found == pytest.approx(power, abs=0.006)


@pytest.mark.parametrize(("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_tabled_sizes_of_a_paired_t_test(effect: float, n: int) -> None:
    assert seeds_needed(1.0, effect) == n
    assert seeds_needed(3.0, 3 * effect) == n


def test_five_seeds_of_a_hundredth_bit_resolve_about_two_hundredths() -> None:
    assert 0.015 < minimum_detectable_effect(0.01, 5) < 0.02
    assert 0.02 < minimum_detectable_effect(0.01 * math.sqrt(2), 5) < 0.025


@settings(deadline=None, max_examples=40)
@given(st.floats(0.15, 20), st.sampled_from([0.01, 0.05]), st.sampled_from([0.3, 0.8, 0.95]))
def test_the_smallest_number_that_will_do(effect: float, alpha: float, power: float) -> None:
    n = seeds_needed(1.0, effect, alpha, power)
    assert minimum_detectable_effect(1.0, n, alpha, power) <= effect * (1 + 1e-9)
    assert n == 2 or minimum_detectable_effect(1.0, n - 1, alpha, power) > effect * (1 - 1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 60), st.floats(1e-3, 10))
def test_effect_scales_with_sd_and_shrinks_with_seeds(n: int, sd: float) -> None:
    effect = minimum_detectable_effect(sd, n)
    assert effect == pytest.approx(sd * minimum_detectable_effect(1.0, n))
    assert minimum_detectable_effect(sd, n + 1) < effect


@given(st.floats(-10, 10), st.floats(1e-4, 10), st.integers(2, 60))
def test_what_an_interval_can_detect_is_of_the_spread_behind_it(
    mean: float, sd: float, n: int
) -> None:
    half = stats.t.ppf(0.975, n - 1) * sd / math.sqrt(n)
    found = detectable(Interval(mean, mean - half, mean + half, n))
    assert found == pytest.approx(minimum_detectable_effect(sd, n))


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_what_paired_seeds_can_detect(n: int) -> None:
    a, b = np.random.default_rng(n).normal([[0.3], [0.4]], 0.01, size=(2, n))
    found = detectable(difference_interval(dict(enumerate(a)), dict(enumerate(b))).interval)
    assert found == pytest.approx(minimum_detectable_effect((a - b).std(ddof=1), n))


def test_stories_limit_what_seeds_can_detect() -> None:
    seeds, stories = Source(0.01**2 / 5, 4), Source(0.02**2 / 5, 4)
    alone = detectable(difference(0.1, [seeds], 5).interval)
    assert alone == pytest.approx(minimum_detectable_effect(0.01, 5))
    # variances add where both have as many degrees of freedom
    both = detectable(difference(0.1, [seeds, stories], 5).interval)
    assert both == pytest.approx(math.sqrt(5) * alone)


@pytest.mark.parametrize(
    "interval",
    [
        Interval(1.0, math.nan, math.nan, 1),
        Interval(1.0, 0.9, 1.1, 1),  # a timing, with the range of its repeats
        Interval(1.0, math.nan, math.nan, 5),
    ],
)
def test_without_spread_nothing_is_known_of_what_can_be_detected(interval: Interval) -> None:
    assert math.isnan(detectable(interval))


def test_edges() -> None:
    assert detectable(Interval(1.0, 1.0, 1.0, 5)) == 0
    assert math.isnan(minimum_detectable_effect(0.01, 1))
    assert minimum_detectable_effect(0.0, 5) == 0
    assert seeds_needed(0.0, 0.01) == 2
    assert seeds_needed(1e-6, 1.0) == 2


@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.05), (0.05, 1), (0, 0.8), (0.9, 0.8)])
def test_alpha_and_power_are_chances(alpha: float, power: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        minimum_detectable_effect(0.01, 5, alpha, power)
    with pytest.raises(ValueError, match="alpha"):
        seeds_needed(0.01, 0.01, alpha, power)


@pytest.mark.parametrize(
    ("sd", "effect"), [(1, 0), (1, -1), (1, math.nan), (math.nan, 1), (math.inf, 1), (-1, 1)]
)
def test_no_number_of_seeds_will_do(sd: float, effect: float) -> None:
    with pytest.raises(ValueError, match="no number of seeds"):
        seeds_needed(sd, effect)
