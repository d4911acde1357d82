"""Means with intervals over seeds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


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
    half = float(stats.sem(sample) * stats.t.ppf((1 + level) / 2, n - 1))
    return Interval(mean, mean - half, mean + half, n)
