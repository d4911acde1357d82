"""Agreement of two experiments about the order of the same arms."""

import math

import numpy as np
import scipy  # whose stats take most of a second to load: where one is called
from numpy.typing import ArrayLike, NDArray

from moe_core.stats.intervals import Interval


def kendall_tau(a_RM: ArrayLike, b_RM: ArrayLike, resamples: int = 2000, seed: int = 0) -> Interval:
    """Tau-b between two orders of M arms, each by mean over seeds, 95 % percentile interval.

    Rows are seeds. Where both experiments have as many, row r of both is one seed and they are
    resampled together, else each alone. n is the smaller number of seeds; ends are nan where it
    is 1 or where a resample ties all arms.
    The limits of the interval: five seeds have but 126 different resamples and spread too little,
    so it is too short; it speaks of the seeds, not of other arms; and tau has few values, so both
    ends may be 1. Raises ValueError where the arms differ in number or are fewer than two.
    """
    a, b = np.asarray(a_RM, dtype=np.float64), np.asarray(b_RM, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or a.shape[1] < 2:
        raise ValueError(f"{a.shape} and {b.shape} are not seeds by the same two arms or more")

    def tau(a_rows: NDArray[np.int64], b_rows: NDArray[np.int64]) -> float:
        return float(scipy.stats.kendalltau(a[a_rows].mean(0), b[b_rows].mean(0)).statistic)

    every, n = tau(np.arange(len(a)), np.arange(len(b))), min(len(a), len(b))
    if n < 2:
        return Interval(every, math.nan, math.nan, n)
    rng = np.random.default_rng(seed)
    a_BR = rng.integers(len(a), size=(resamples, len(a)))
    b_BR = a_BR if len(a) == len(b) else rng.integers(len(b), size=(resamples, len(b)))
    low, high = np.quantile([tau(*rows) for rows in zip(a_BR, b_BR, strict=True)], [0.025, 0.975])
    return Interval(every, float(low), float(high), n)
