"""The difference of two arms, judged: its intervals and its p value, from sources of variance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import stdtrit

from moe_core.stats.intervals import Interval

SMALLEST_LOG_P = -230.0  # 1e-100; scipy's t quantiles fail further out


@dataclass(frozen=True)
class Difference:
    """What a verdict needs: 95 % and 90 % interval, two-sided p value of no difference.

    The p value is below 0.05 exactly where the 95 % interval leaves out 0. nan where n < 2.
    """

    interval: Interval
    interval90: Interval
    p_value: float


class Source(NamedTuple):
    """One independent part of the variance of a mean, and the degrees of freedom behind it."""

    variance: float
    degrees: int


def half_width(sources: Sequence[Source], p: float) -> float:
    """Half the interval of level 1 - p: standard error times Cochran's critical value.

    That value is the mean of the sources' t quantiles, weighted by their variances (Cochran
    1964, Biometrics 20:191-195): exact where one source is alone, cautious between, where the
    Welch-Satterthwaite degrees of freedom fall to 92 % coverage with three seeds.
    """
    total = sum(source.variance for source in sources)
    if total == 0:
        return 0.0
    weighted = sum(-v * float(stdtrit(degrees, p / 2)) for v, degrees in sources)
    return weighted / math.sqrt(total)


def interval(mean: float, sources: Sequence[Source], n: int, level: float = 0.95) -> Interval:
    """Interval of a mean over n seeds."""
    half = half_width(sources, 1 - level)
    return Interval(mean, mean - half, mean + half, n)


def p_value(mean: float, sources: Sequence[Source]) -> float:
    """Two-sided p value of mean 0: one minus the level whose interval just touches 0.

    0.0 stands for less than 1e-100.
    """

    def margin(log_p: float) -> float:
        return half_width(sources, math.exp(log_p)) - abs(mean)

    if math.isnan(margin(0.0)):
        return math.nan
    if mean == 0:
        return 1.0
    if margin(SMALLEST_LOG_P) <= 0:
        return 0.0
    return math.exp(brentq(margin, SMALLEST_LOG_P, 0.0))


def difference(mean: float, sources: Sequence[Source], n: int) -> Difference:
    """Intervals and p value of a mean difference over n paired seeds."""
    return Difference(
        interval(mean, sources, n), interval(mean, sources, n, 0.90), p_value(mean, sources)
    )
