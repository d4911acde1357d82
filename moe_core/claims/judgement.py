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

    unit: as in moe_core.figures.typeset. n: paired seeds; 1 for a timing. p: of the test behind
    the verdict, nan where there is none. share: of a composed rule, how many parts gave the
    verdict; all else is of the first of them.
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
    refuting ones times the number of parts, for any of them could have refuted.
    """
    worst = min(parts, key=lambda j: ORDER.index(j.verdict))
    like = [j for j in parts if j.verdict is worst.verdict]
    if worst.verdict in HELD:
        return _decided(worst, f"all {len(parts)}", _largest(parts))
    share = f"{len(like)} of {len(parts)}"
    refuted = worst.verdict is Verdict.REFUTED
    return _decided(worst, share, _smallest(like, len(parts)) if refuted else _largest(parts))


def some_hold(parts: Sequence[Judgement]) -> Judgement:
    """The mirror of `all_hold`: SUPPORTED by one that holds, REFUTED where all are.

    Else NOT TESTABLE where no part could be tested, or INCONCLUSIVE.
    """
    held = [j for j in parts if j.verdict in HELD]
    open_ = [j for j in parts if j.verdict is Verdict.INCONCLUSIVE]
    untested = [j for j in parts if j.verdict is Verdict.NOT_TESTABLE]
    like = held or open_ or untested or list(parts)
    share = f"{len(like)} of {len(parts)}"
    return _decided(like[0], share, _smallest(held, len(parts)) if held else _largest(parts))


def _decided(by: Judgement, share: str, p: float) -> Judgement:
    return replace(by, share=share, p=p)


def _largest(parts: Sequence[Judgement]) -> float:
    return max((j.p for j in parts if not math.isnan(j.p)), default=math.nan)


def _smallest(parts: Sequence[Judgement], times: int) -> float:
    return min((min(1.0, times * j.p) for j in parts if not math.isnan(j.p)), default=math.nan)
