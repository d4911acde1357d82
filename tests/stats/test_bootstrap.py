import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from moe_core.stats.bootstrap import bits_per_byte, bits_per_byte_difference
from moe_core.stats.intervals import mean_interval

Floats = NDArray[np.float64]
LN2 = math.log(2)


def draw(
    rng: np.random.Generator, seeds: int, stories: int, sd: tuple[float, float, float]
) -> tuple[Floats, Floats]:
    """Nats whose bits per byte are 1 plus seed, story and residual effects of those sd; bytes."""
    of_seed, of_story, residual = sd
    bytes_N = np.rint(rng.lognormal(6.5, 0.5, stories))
    bits_RN = (
        1
        + of_seed * rng.normal(size=(seeds, 1))
        + of_story * rng.normal(size=stories)
        + residual * rng.normal(size=(seeds, stories))
    )
    return bits_RN * bytes_N * LN2, bytes_N


@pytest.mark.parametrize(
    ("seeds", "sd"),
    [
        pytest.param(5, (0.1, 0, 0), id="5-seeds"),
        pytest.param(5, (0, 0.1, 0), id="5-stories"),
        pytest.param(5, (0.02, 0.1, 0), id="5-seeds-stories"),
        pytest.param(5, (0.05, 0.1, 0.1), id="5-seeds-stories-residual"),
        pytest.param(5, (0, 0, 0.1), id="5-residual"),
        pytest.param(3, (0.1, 0, 0), id="3-seeds"),
        pytest.param(3, (0.05, 0.1, 0.1), id="3-seeds-stories-residual"),
    ],
)
def test_coverage(seeds: int, sd: tuple[float, float, float]) -> None:
    rng, trials, covered = np.random.default_rng(1), 2000, 0
    for trial in range(trials):
        found = bits_per_byte(*draw(rng, seeds, 40, sd), resamples=100, seed=trial)
        covered += found.low <= 1 <= found.high
    assert 0.93 <= covered / trials <= 0.97


def test_a_ratio_of_sums() -> None:
    found = bits_per_byte([[8 * LN2, 4 * LN2], [10 * LN2, 2 * LN2 + 8 * LN2]], [2, 8])
    assert (found.mean, found.n) == (pytest.approx((1.2 + 2.0) / 2), 2)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_seeds_alone_are_student_t(level: float) -> None:
    bits_R, bytes_N = np.array([1.2, 1.3, 1.25, 1.1]), np.array([90, 400, 1200])
    found = bits_per_byte(bits_R[:, None] * bytes_N * LN2, bytes_N, level)
    assert found.low == pytest.approx(mean_interval(bits_R, level).low)
    assert found.high == pytest.approx(mean_interval(bits_R, level).high)


def test_few_stories_alone_are_student_t() -> None:
    bits_N = np.array([1.2, 1.3, 1.25, 1.1, 1.4])
    found = bits_per_byte(np.tile(bits_N * 500 * LN2, (3, 1)), np.full(5, 500), resamples=20_000)
    half = found.mean - mean_interval(bits_N).low
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)


def test_error_is_that_of_the_mean_squares() -> None:
    """Stories of one length: the two-way analysis of variance is the oracle."""
    r, n = 4, 60
    rng = np.random.default_rng(3)
    bits_RN = 0.05 * rng.normal(size=(r, 1)) + 0.3 * rng.normal(size=n) + rng.normal(size=(r, n))
    rows_R, columns_N = bits_RN.mean(1), bits_RN.mean(0)
    rest_RN = bits_RN - rows_R[:, None] - columns_N + bits_RN.mean()
    ms_rest = (rest_RN**2).sum() / ((r - 1) * (n - 1))
    seeds, stories = rows_R.var(ddof=1) / r, columns_N.var(ddof=1) / n - ms_rest / (r * n)
    quantile = stats.t.ppf(0.975, [r - 1, n - 1]) @ [seeds, stories] / (seeds + stories)
    found = bits_per_byte(bits_RN * 500 * LN2, np.full(n, 500), resamples=20_000)
    half = quantile * math.sqrt(seeds + stories)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)
    assert (found.high + found.low) / 2 == pytest.approx(bits_RN.mean())


def test_the_bootstrap_follows_the_lengths_of_stories() -> None:
    """Oracle: linearised variance of a ratio, N / (N - 1) corrected, one effect per story."""
    rng, n = np.random.default_rng(4), 400
    bytes_N = rng.lognormal(6.5, 1, n)
    bits_N = 1 + 0.3 * rng.normal(size=n) + 0.1 * np.log(bytes_N)
    ratio = (bits_N * bytes_N).sum() / bytes_N.sum()
    influence_N = (bits_N - ratio) * bytes_N / bytes_N.mean()
    half = stats.t.ppf(0.975, n - 1) * influence_N.std(ddof=1) / math.sqrt(n)
    found = bits_per_byte(np.tile(bits_N * bytes_N * LN2, (3, 1)), bytes_N)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_a_difference_is_paired_by_seed_and_story() -> None:
    rng = np.random.default_rng(5)
    b_RN, bytes_N = draw(rng, 5, 40, (0.5, 0.5, 0.5))
    gap_RN = draw(rng, 5, 40, (0.01, 0.02, 0.02))[0]
    found = bits_per_byte_difference(b_RN + gap_RN, b_RN, bytes_N, resamples=300, seed=7)
    for interval, level in [(found.interval, 0.95), (found.interval90, 0.90)]:
        alone = bits_per_byte(gap_RN, bytes_N, level, resamples=300, seed=7)
        assert vars(interval) == pytest.approx(vars(alone))
    backwards = bits_per_byte_difference(b_RN, b_RN + gap_RN, bytes_N, resamples=300, seed=7)
    assert backwards.interval.low == pytest.approx(-found.interval.high)
    assert backwards.p_value == pytest.approx(found.p_value)


def test_identical_arms_differ_by_zero_for_certain() -> None:
    nats_RN, bytes_N = draw(np.random.default_rng(6), 5, 40, (0.1, 0.1, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bits_per_byte_difference(nats_RN, nats_RN, bytes_N)
    assert (found.interval.low, found.interval.mean, found.interval.high) == (0, 0, 0)
    assert (found.p_value, found.interval.n) == (1, 5)


@pytest.mark.parametrize(("seeds", "stories"), [(1, 40), (5, 1)])
def test_spread_is_unknown_from_one_seed_or_one_story(seeds: int, stories: int) -> None:
    nats_RN, bytes_N = draw(np.random.default_rng(8), seeds, stories, (0.1, 0.1, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bits_per_byte_difference(nats_RN, 0.9 * nats_RN, bytes_N)
    assert found.interval.n == seeds
    assert found.interval.mean == pytest.approx(0.1 * bits_per_byte(nats_RN, bytes_N).mean)
    assert all(map(math.isnan, (found.interval.low, found.interval90.high, found.p_value)))


def test_a_function_of_its_inputs_and_seed() -> None:
    given = draw(np.random.default_rng(9), 5, 40, (0.1, 0.1, 0.1))
    assert bits_per_byte(*given, seed=1) == bits_per_byte(*given, seed=1)
    assert bits_per_byte(*given, seed=1) != bits_per_byte(*given, seed=2)


@pytest.mark.parametrize(
    ("nats", "lengths", "why"),
    [
        ([1.0, 2.0], [3, 4], "seeds by stories"),
        ([[1.0, 2.0]], [3], "seeds by stories"),
        ([[]], [], "seeds by stories"),
        ([[1.0, 2.0]], [3, 0], "at least one byte"),
    ],
)
def test_other_shapes_and_empty_stories_are_refused(nats: list, lengths: list, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        bits_per_byte(nats, lengths)


def test_unpaired_arms_are_refused() -> None:
    with pytest.raises(ValueError, match="not paired"):
        bits_per_byte_difference(np.ones((1, 4)), np.ones((3, 4)), np.ones(4))
