"""How small a difference so many paired seeds can show (two-sided paired t test).

Exact: at a true mean effect t is noncentral by ``shift = effect * sqrt(n) / sd``, so t squared is
noncentral F with 1 and n - 1 degrees of freedom (scipy's noncentral t is nan in its far tail).
``sd`` is that of the paired differences; of independent arms it is sqrt(2) times a seed's.
"""

import math
from bisect import bisect_left

from scipy.optimize import brentq
from scipy.special import ncfdtr, stdtrit

from moe_core.stats.intervals import Interval


def minimum_detectable_effect(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true mean difference that n pairs detect with that power; nan where n < 2.

    Raises ValueError unless 0 < alpha < power < 1.
    """
    _check(alpha, power)
    if n < 2:
        return math.nan

    def missing(shift: float) -> float:
        return _power(n, shift, alpha) - power

    enough = 1.0
    while missing(enough) < 0:
        enough *= 2
    return sd / math.sqrt(n) * float(brentq(missing, 0, enough))


def detectable(interval: Interval) -> float:
    """Smallest true difference that as many pairs detect with the spread behind a 95 % interval.

    The interval may be two-level: stories then limit what seeds can show. nan where n < 2.
    """
    if not interval.high >= interval.low:
        return math.nan
    half = (interval.high - interval.low) / 2
    sd = half / -float(stdtrit(interval.n - 1, 0.025)) * math.sqrt(interval.n)
    return minimum_detectable_effect(sd, interval.n)


def seeds_needed(sd: float, effect: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Smallest number of paired seeds, at least 2, that detects the effect with that power.

    Raises ValueError unless 0 < alpha < power < 1, sd is finite and the effect positive.
    """
    _check(alpha, power)
    if not (0 <= sd < math.inf and effect > 0):
        raise ValueError(f"no number of seeds for sd {sd} and effect {effect}")
    if sd == 0:
        return 2

    def reached(n: int) -> float:
        return _power(n, effect * math.sqrt(n) / sd, alpha)

    enough = 2
    while reached(enough) < power:
        enough *= 2
    return bisect_left(range(enough), power, lo=2, key=reached)


def _power(n: int, shift: float, alpha: float) -> float:
    """Chance that |t| of n pairs passes its critical value, at that noncentrality."""
    return 1 - float(ncfdtr(1, n - 1, shift**2, stdtrit(n - 1, alpha / 2) ** 2))


def _check(alpha: float, power: float) -> None:
    if not 0 < alpha < power < 1:
        raise ValueError(f"alpha {alpha} and power {power} are not 0 < alpha < power < 1")
