"""Differences of two arms in a measure with one value per seed."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from moe_core.stats.difference import Difference, Source, difference


def paired_differences(a: Mapping[int, float], b: Mapping[int, float]) -> NDArray[np.float64]:
    """a - b on the seeds that both have, in the order of seeds. Raises ValueError if none."""
    common = sorted(a.keys() & b.keys())
    if not common:
        raise ValueError(f"no common seed in {sorted(a)} and {sorted(b)}")
    return np.array([a[seed] - b[seed] for seed in common], dtype=np.float64)


def difference_interval(a: Mapping[int, float], b: Mapping[int, float]) -> Difference:
    """Mean of a - b over common seeds, by Student t. Raises ValueError if there are none."""
    gaps = paired_differences(a, b)
    n = len(gaps)
    variance = float(gaps.var(ddof=1)) / n if n > 1 else math.nan
    return difference(float(gaps.mean()), [Source(variance, max(n - 1, 1))], n)
