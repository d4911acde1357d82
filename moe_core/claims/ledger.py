"""All claims judged as one family."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import fmean

from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.claims.judge import judge
from moe_core.claims.judgement import HELD, LEVEL, Judgement, Verdict
from moe_core.claims.rules import leaves
from moe_core.claims.schema import Claim
from moe_core.stats.holm import holm

CONCLUSIVE = (Verdict.SUPPORTED, Verdict.EQUIVALENT, Verdict.REFUTED)


def judge_claims(
    claims: Sequence[Claim], evidence: Evidence, smoke: bool
) -> list[tuple[Judgement, float]]:
    """A judgement and a Holm-adjusted p value for each claim, in order; nan without a test.

    The family is every claim that was tested. A verdict for or against whose adjusted p value is
    above 0.05 becomes INCONCLUSIVE. At smoke scale nothing is testable, so there is no family.
    """
    found = [_judged(claim, evidence, smoke) for claim in claims]
    tested = [j.verdict in (*CONCLUSIVE, Verdict.INCONCLUSIVE) for j in found]
    p = [j.p if t else math.nan for j, t in zip(found, tested, strict=True)]
    adjusted = [float(x) for x in holm(p)]
    family = sum(not math.isnan(x) for x in p)
    return [(_surviving(j, x, family), x) for j, x in zip(found, adjusted, strict=True)]


def _judged(claim: Claim, evidence: Evidence, smoke: bool) -> Judgement:
    if claim.rule is None:
        return Judgement(Verdict.AWAITS, f"awaits: {claim.awaits}")
    found = judge(claim.rule, evidence)
    premise = judge(claim.premise, evidence) if claim.premise else None
    if premise and premise.verdict not in HELD:
        reason = f"its premise does not surely hold; {premise.reason}"
        found = Judgement(Verdict.NOT_TESTABLE, reason)
    if found.share:
        found = replace(found, reason=f"{found.share}: {found.reason}")
    found = replace(found, reason=found.reason + _told(claim, evidence) + _lost(claim, evidence))
    if smoke:
        reason = f"smoke scale: too small to mean anything; {found.reason}"
        return replace(found, verdict=Verdict.NOT_TESTABLE, reason=reason)
    return found


def _told(claim: Claim, evidence: Evidence) -> str:
    """What a reader should know beside the verdict, as ranges of means over strategies."""
    assert claim.rule is not None
    names = dict.fromkeys(arm.strategy for leaf in leaves(claim.rule) for arm in leaf.arms())
    text = ""
    for told in claim.told:
        means = []
        for name in filter(None, names):
            with suppress(UntestableError):  # which the verdict tells
                means.append(fmean(evidence.values(told.arms.of(name), told.measure).values()))
        if means:
            ends = f"{min(means):.2g} to {max(means):.2g}"
            text += f"; {told.measure} ({told.arms.settings()}) of {len(means)} strategies: {ends}"
    return text


def _lost(claim: Claim, evidence: Evidence) -> str:
    """The runs that a claim rests on and that failed: without them its arms look better."""
    rules = [rule for rule in (claim.premise, claim.rule) if rule]
    arms = [arm for rule in rules for leaf in leaves(rule) for arm in leaf.arms()]
    failed: dict[str, str] = {}
    for arm in arms:
        failed |= evidence.failed(arm)
    if not failed:
        return ""
    return f"; runs that failed and do not count: {len(failed)}, {', '.join(failed.values())}"


def _surviving(found: Judgement, adjusted: float, family: int) -> Judgement:
    if found.verdict in CONCLUSIVE and adjusted > LEVEL:
        reason = (
            f"{found.verdict} alone, but not as one of {family} claims "
            f"(Holm p = {adjusted:.2g}); {found.reason}"
        )
        return replace(found, verdict=Verdict.INCONCLUSIVE, reason=reason)
    return found
