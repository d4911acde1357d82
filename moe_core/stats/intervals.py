"""Intervals of a mean and of a proportion."""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # whose stats take most of a second to load: where one is called
from numpy.typing import ArrayLike
from scipy.special import stdtrit


@dataclass(frozen=True)
class Interval:
    """A mean, the ends of its interval and the number of values; nan ends where n < 2."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Student t interval of the mean of independent values, such as one figure per seed."""
    sample = np.asarray(values, dtype=np.float64)
    mean, n = float(sample.mean()), len(sample)
    if n < 2:
        return Interval(mean, float("nan"), float("nan"), n)
    half = float(sample.std(ddof=1) / math.sqrt(n) * stdtrit(n - 1, (1 + level) / 2))
    return Interval(mean, mean - half, mean + half, n)


def wilson_interval(failures: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a failure rate (Wilson 1927); honest at 0 failures too.

    Raises ValueError where trials < 1 or failures are not among them.
    """
    ends = scipy.stats.binomtest(failures, trials).proportion_ci(level, method="wilson")
    return float(ends.low), float(ends.high)
