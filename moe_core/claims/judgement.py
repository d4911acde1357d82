"""Verdicts and how those of parts make that of the whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Verdict(StrEnum):
    """What a rule says of a claim; AWAITS: no experiment could judge it yet."""

    REFUTED = "REFUTED"
    NOT_TESTABLE = "NOT TESTABLE"
    INCONCLUSIVE = "INCONCLUSIVE"
    SUPPORTED = "SUPPORTED"
    EQUIVALENT = "EQUIVALENT"
    AWAITS = "AWAITS"


# from the worst for a claim whose parts must all hold to the best
ORDER = list(Verdict)
LEVEL = 0.05
HELD = (Verdict.SUPPORTED, Verdict.EQUIVALENT)


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason and the effect that it rests on.

    unit: as in moe_core.figures.typeset. n: paired seeds; repeats of a
    measured fact, 1 for one that is exact and for a ratio of throughputs. p: of the test behind
    the verdict, nan where there is none. share: of a composed rule, how many parts gave the
    verdict; all else is of the part that decides.
    """

    verdict: Verdict
    reason: str
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    n: int = 0
    minimum_detectable_effect: float = math.nan
    p: float = math.nan
    share: str = ""


def all_hold(parts: Sequence[Judgement]) -> Judgement:
    """The worst verdict: REFUTED, NOT TESTABLE, INCONCLUSIVE, SUPPORTED; EQUIVALENT if all are.

    p: to hold, the largest (an intersection-union test); to be refuted, the smallest of the
    refuting ones times the number of parts, for any of them could have refuted. A part that
    refutes without a test does so whatever the others say.
    """
    worst = min(parts, key=lambda j: ORDER.index(j.verdict))
    like = [j for j in parts if j.verdict is worst.verdict]
    share = f"{len(like)} of {len(parts)}"
    if worst.verdict in HELD:
        by = _largest(parts)
        return replace(by, verdict=worst.verdict, share=f"all {len(parts)}")
    if worst.verdict is Verdict.REFUTED:
        return replace(_smallest(like, len(parts)), share=share)
    return replace(_largest(like), share=share, p=_largest(parts).p)


def some_hold(parts: Sequence[Judgement]) -> Judgement:
    """The mirror of `all_hold`: SUPPORTED by one that holds, REFUTED where all are.

    Else NOT TESTABLE where no part could be tested, or INCONCLUSIVE.
    """
    held = [j for j in parts if j.verdict in HELD]
    open_ = [j for j in parts if j.verdict is Verdict.INCONCLUSIVE]
    untested = [j for j in parts if j.verdict is Verdict.NOT_TESTABLE]
    like = held or open_ or untested or list(parts)
    share = f"{len(like)} of {len(parts)}"
    if held:
        return replace(_smallest(held, len(parts)), share=share)
    return replace(_largest(like), share=share, p=_largest(parts).p)


def _largest(parts: Sequence[Judgement]) -> Judgement:
    """The part with the largest p, or the first where none has one."""
    return max(parts, key=lambda j: -1.0 if math.isnan(j.p) else j.p)


def _smallest(parts: Sequence[Judgement], times: int) -> Judgement:
    """The part without a test, if any, or that with the smallest p, times the number of tests."""
    by = min(parts, key=lambda j: -1.0 if math.isnan(j.p) else j.p)
    return by if math.isnan(by.p) else replace(by, p=min(1.0, times * by.p))
