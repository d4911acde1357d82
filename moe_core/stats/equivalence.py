"""Evidence that two arms do not differ by more than a margin (Schuirmann 1987)."""

import math

import numpy as np
import scipy  # whose stats take most of a second to load: where one is called
from numpy.typing import ArrayLike

from moe_core.stats.intervals import Interval


def tost(differences: ArrayLike, margin: float) -> float:
    """p value of two one-sided t tests that the mean paired difference is within ±margin.

    nan for fewer than two differences. Raises ValueError where margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"margin {margin} is not positive")
    sample = np.asarray(differences, dtype=np.float64)
    if len(sample) < 2:
        return math.nan
    if np.ptp(sample) == 0:  # t is infinite or 0 / 0
        return 0.0 if abs(sample[0]) < margin else 1.0
    above = scipy.stats.ttest_1samp(sample, -margin, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(sample, margin, alternative="less").pvalue
    return float(max(above, below))


def equivalent(interval90: Interval, margin: float) -> bool:
    """Whether a 90 % interval lies within ±margin: the two one-sided tests at 5 %."""
    return -margin < interval90.low and interval90.high < margin
