"""An arm, or an arm against another, by what varies: seeds and stories, seeds, or repeats.

A question or an image that is answered right or wrong counts as a story.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moe_core.claims.arms import Arm, Measure
from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.stats.bootstrap import bits_per_byte_difference
from moe_core.stats.difference import Difference
from moe_core.stats.intervals import Interval
from moe_core.stats.paired import difference_interval

Floats = NDArray[np.float64]
# of a shift: arm less other arm less shift
Shifted = Callable[[float], Difference]


def by_story(
    evidence: Evidence, of: Arm, other: Arm | None, factor: float = 1.0
) -> tuple[Shifted, float]:
    """Bits per byte times a factor, over seeds and stories; and the deviation over seeds."""
    a = evidence.nats(of) * factor
    b = evidence.nats(other) * factor if other else a * 0.0
    a_RN, b_RN = _paired(of, other, a, b)
    bytes_N = np.asarray(evidence.bytes(of).loc[a.columns], dtype=np.float64)
    return _crossed(a_RN, b_RN if other else None, bytes_N)


def by_answer(evidence: Evidence, of: Arm, other: Arm | None) -> tuple[Shifted, float]:
    """Accuracy over seeds and answers, which weigh alike; and the deviation over seeds."""
    a = evidence.correct(of) * math.log(2)  # bits where bits per byte has nats
    b = evidence.correct(other) * math.log(2) if other else a * 0.0
    a_RN, b_RN = _paired(of, other, a, b)
    return _crossed(a_RN, b_RN if other else None, np.ones(a_RN.shape[1]))


def _paired(of: Arm, other: Arm | None, a: pd.DataFrame, b: pd.DataFrame) -> list[Floats]:
    """Both, common seeds by stories."""
    seeds = _common({*a.index}, {*b.index})
    if {*a.columns} != {*b.columns}:
        raise UntestableError(f"{of} and {other} were tested on different stories")
    return [x.loc[seeds, a.columns].to_numpy(dtype=np.float64) for x in (a, b)]


def _crossed(a_RN: Floats, other_RN: Floats | None, bytes_N: Floats) -> tuple[Shifted, float]:
    b_RN = np.zeros_like(a_RN) if other_RN is None else other_RN

    @cache
    def at(shift: float) -> Difference:
        return bits_per_byte_difference(a_RN, b_RN + shift * math.log(2) * bytes_N, bytes_N)

    arms = [a_RN] if other_RN is None else [a_RN, b_RN]
    return at, _pooled_sd([x_RN.sum(1) / (math.log(2) * bytes_N.sum()) for x_RN in arms])


def by_seed(
    evidence: Evidence, measure: Measure, of: Arm, other: Arm | None, logs: bool
) -> tuple[Shifted, float]:
    """A measure or its logarithm, over seeds; and the deviation over them."""
    a = evidence.values(of, measure)
    b = evidence.values(other, measure) if other else dict.fromkeys(a, 0.0)
    if logs:
        if min(*a.values(), *b.values()) <= 0:
            raise UntestableError(f"{measure} of {of} or {other} is 0 or less: there is no ratio")
        a, b = ({seed: math.log(value) for seed, value in x.items()} for x in (a, b))
    seeds = _common({*a}, {*b})

    @cache
    def at(shift: float) -> Difference:
        return difference_interval(a, {seed: value + shift for seed, value in b.items()})

    arms = [a, b] if other else [a]
    return at, _pooled_sd([np.array([x[seed] for seed in seeds]) for x in arms])


def by_repeat(evidence: Evidence, of: Arm, less: Arm | None, over: Arm | None) -> Interval:
    """Tokens per second: one timing an arm, so the interval is what its repeats allow at worst.

    The range of six repeats or more holds their median with 97 % or more, whatever the
    distribution. Arms are timed one after another: their ratio may be off by as much as the
    matmul peak drifted among the timings of the experiment.
    """
    a, a_slow, a_fast = _timing(evidence, of)
    if over:
        b, b_slow, b_fast = _timing(evidence, over)
        drift = evidence.drift(of)
        return Interval(a / b, a_slow / b_fast / drift, a_fast / b_slow * drift, 1)
    b, b_slow, b_fast = _timing(evidence, less) if less else (0.0, 0.0, 0.0)
    return Interval(a - b, a_slow - b_fast, a_fast - b_slow, 1)


def _timing(evidence: Evidence, arm: Arm) -> tuple[float, float, float]:
    """Median, slowest and fastest repeat; nan where repeats were not recorded."""
    rates = evidence.values(arm, "tokens_per_s")
    ends = evidence.runs(arm).reindex(columns=["tokens_per_s_min", "tokens_per_s_max"])
    slow, fast = ends.tokens_per_s_min.min(), ends.tokens_per_s_max.max()
    return float(np.median([*rates.values()])), float(slow), float(fast)


def _common(a: set[int], b: set[int]) -> list[int]:
    if not a & b:
        raise UntestableError(f"no seed in common: {sorted(a)} and {sorted(b)}")
    return sorted(a & b)


def _pooled_sd(arms: list[Floats]) -> float:
    if len(arms[0]) < 2:
        return math.nan
    return math.sqrt(sum(float(values.var(ddof=1)) for values in arms) / len(arms))
