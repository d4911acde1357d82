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
HELD = (Verdict.SUPPORTED, Verdict.EQUIVALENT)


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason and the effect that it rests on.

    unit: as in moe_core.figures.typeset. n: paired seeds; 1 for a timing. p: of the test behind
    the verdict, nan where there is none.
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


def all_hold(parts: Sequence[Judgement]) -> Judgement:
    """The worst verdict: REFUTED, NOT TESTABLE, INCONCLUSIVE, SUPPORTED; EQUIVALENT if all are.

    p: to hold, the largest (an intersection-union test); to be refuted, the smallest of the
    refuting ones times the number of parts, for any of them could have refuted.
    """
    worst = min(parts, key=lambda j: ORDER.index(j.verdict))
    return _of_parts(parts, worst, alone=worst.verdict is Verdict.REFUTED)


def some_hold(parts: Sequence[Judgement]) -> Judgement:
    """The mirror of `all_hold`: SUPPORTED by one that holds, REFUTED where all are.

    Else NOT TESTABLE where no part could be tested, or INCONCLUSIVE.
    """
    held = [j for j in parts if j.verdict in HELD]
    open_ = [j for j in parts if j.verdict is Verdict.INCONCLUSIVE]
    untested = [j for j in parts if j.verdict is Verdict.NOT_TESTABLE]
    deciding = (held or open_ or untested or list(parts))[0]
    return _of_parts(parts, deciding, alone=bool(held))


def _of_parts(parts: Sequence[Judgement], deciding: Judgement, alone: bool) -> Judgement:
    """alone: one part was enough for the verdict."""
    like = [j for j in parts if j.verdict is deciding.verdict]
    tested = [j.p for j in (like if alone else parts) if not math.isnan(j.p)]
    p = math.nan
    if tested:
        p = min(1.0, min(tested) * len(parts)) if alone else max(tested)
    if len(parts) == 1:
        return replace(deciding, p=p)
    share = "all" if deciding.verdict in HELD and not alone else f"{len(like)} of"
    return replace(deciding, reason=f"{share} {len(parts)}: {deciding.reason}", p=p)
