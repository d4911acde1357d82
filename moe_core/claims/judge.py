"""One rule and the evidence -> a judgement. Nowhere else is a verdict given."""

import math
from dataclasses import astuple, replace

from moe_core.claims.concordance import concordance
from moe_core.claims.estimates import Estimate, estimate
from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.claims.judgement import LEVEL, Judgement, Verdict, all_hold, some_hold
from moe_core.claims.rules import Concordant, Equivalent, Leaf, Less, Measured, Rule, Some, Within
from moe_core.stats.equivalence import equivalent

SMALLEST_EFFECT = 0.01  # bits per byte


def judge(rule: Rule, evidence: Evidence) -> Judgement:
    """The verdict of a rule.

    Less: SUPPORTED where the 95 % interval lies below 0 and the effect reaches the smallest of
    interest; REFUTED where it lies above 0; EQUIVALENT where the 90 % interval lies within the
    smallest effect, a seed's deviation apart. As a part of another rule the last is REFUTED: the
    part does not hold.
    Equivalent: EQUIVALENT where the 90 % interval lies within the margin; REFUTED where the 95 %
    interval lies beyond it.
    Within: SUPPORTED where the 95 % interval lies in the band, REFUTED where it lies outside.
    Concordant: SUPPORTED where, at 5 %, so many pairs of strategies are ranked alike that tau is
    what is asked or more, REFUTED where so many are exchanged that it is less.
    Measured: SUPPORTED where the interval lies in the band, REFUTED where it lies outside.
    Else INCONCLUSIVE, or NOT TESTABLE where the tables cannot speak of an arm.
    """
    if not isinstance(rule, Leaf):
        parts = [_as_part(part, judge(part, evidence)) for part in rule.parts()]
        return some_hold(parts) if isinstance(rule, Some) else all_hold(parts)
    try:
        match rule:
            case Less():
                return _less(rule, evidence)
            case Equivalent():
                return _equivalent(rule, evidence)
            case Within():
                return _within(rule, evidence)
            case Concordant():
                return _concordant(rule, evidence)
            case Measured():
                return _measured(rule, evidence)
    except UntestableError as reason:
        return Judgement(Verdict.NOT_TESTABLE, str(reason))


def _as_part(rule: Rule, found: Judgement) -> Judgement:
    if isinstance(rule, Less) and found.verdict is Verdict.EQUIVALENT:
        return replace(found, verdict=Verdict.REFUTED, reason=f"no difference: {found.reason}")
    return found


def _less(rule: Less, evidence: Evidence) -> Judgement:
    found = estimate(evidence, rule.measure, rule.smaller, less=rule.larger)
    # a noisy seed raises what counts as an effect, never what counts as none
    in_bits = rule.measure.startswith("bits_per_byte")
    none = max(rule.least, SMALLEST_EFFECT if in_bits else 0.0)
    least = max(none, found.seed_sd) if in_bits else none
    verdict, p = Verdict.INCONCLUSIVE, found.p_at(0.0)
    if found.interval.low > 0:
        verdict = Verdict.REFUTED
    elif found.interval.high < 0 and -found.interval.mean >= least:
        verdict = Verdict.SUPPORTED
    elif equivalent(found.interval90, none):
        verdict, p = Verdict.EQUIVALENT, _p_equivalent(found, none)
    asked = f"{-least:.3g} or less" if least else "below 0"
    return _judgement(verdict, found, p, asked)


def _equivalent(rule: Equivalent, evidence: Evidence) -> Judgement:
    found = estimate(evidence, rule.measure, rule.first, less=rule.second)
    verdict, p = Verdict.INCONCLUSIVE, _p_equivalent(found, rule.margin)
    if equivalent(found.interval90, rule.margin):
        verdict = Verdict.EQUIVALENT
    elif found.interval.low > rule.margin or found.interval.high < -rule.margin:
        verdict = Verdict.REFUTED
        p = found.p_at(math.copysign(rule.margin, found.interval.mean))
    asked = f"{-rule.margin:g} to {rule.margin:g}"
    return _judgement(verdict, found, p, asked)


def _within(rule: Within, evidence: Evidence) -> Judgement:
    found = estimate(evidence, rule.measure, rule.of, rule.less, rule.over)
    low = -math.inf if rule.low is None else rule.low
    high = math.inf if rule.high is None else rule.high
    ends = [end for end in (rule.low, rule.high) if end is not None]
    verdict, p = Verdict.INCONCLUSIVE, max(map(found.p_at, ends))
    if not (low <= found.interval.mean <= high or math.isnan(p)):
        p = 1.0
    if low < found.interval.low and found.interval.high < high:
        verdict = Verdict.SUPPORTED
    elif found.interval.high < low or high < found.interval.low:
        verdict, p = Verdict.REFUTED, found.p_at(low if found.interval.high < low else high)
    return _judgement(verdict, found, p, _band(rule))


def _measured(rule: Measured, evidence: Evidence) -> Judgement:
    found = evidence.fact(rule.fact)
    mean, low, high, n = astuple(found.interval)
    ends = (mean, mean) if math.isnan(low) else (low, high)
    least = -math.inf if rule.low is None else rule.low
    most = math.inf if rule.high is None else rule.high
    verdict = Verdict.INCONCLUSIVE
    if least <= ends[0] and ends[1] <= most:
        verdict = Verdict.SUPPORTED
    elif ends[1] < least or most < ends[0]:
        verdict = Verdict.REFUTED
    value = f"{mean:.4g}" if math.isnan(low) else _text(mean, low, high)
    reason = f"{found.about}: {value}, asked {_band(rule)}"
    return Judgement(verdict, reason, mean, low, high, found.unit, n)


def _band(rule: Within | Measured) -> str:
    if rule.low is None:
        return f"{rule.high:g} or less"
    return f"{rule.low:g} or more" if rule.high is None else f"{rule.low:g} to {rule.high:g}"


def _concordant(rule: Concordant, evidence: Evidence) -> Judgement:
    found = concordance(rule, evidence)
    tau, verdict, p = found.tau, Verdict.INCONCLUSIVE, found.p_alike
    if found.p_alike <= LEVEL:
        verdict = Verdict.SUPPORTED
    elif found.p_unlike <= LEVEL:
        verdict, p = Verdict.REFUTED, found.p_unlike
    sides = " and ".join(f"{s.measure} ({s.arms.settings()})" for s in (rule.first, rule.second))
    text = _text(tau.mean, tau.low, tau.high)
    reason = f"Kendall's tau of {len(rule.strategies)} strategies by {sides}: {text}"
    asked = f"asked {rule.least:g} or more, surely (p = {p:.2g})"
    return Judgement(
        verdict, f"{reason}, {asked}", tau.mean, tau.low, tau.high, "ratio", tau.n, p=p
    )


def _p_equivalent(found: Estimate, margin: float) -> float:
    """The larger p value of two one-sided tests."""
    one_sided = []
    for sign in (-1, 1):
        half = found.p_at(sign * margin) / 2
        one_sided.append(half if sign * found.interval.mean < margin else 1 - half)
    return max(one_sided)


def _judgement(verdict: Verdict, found: Estimate, p: float, asked: str) -> Judgement:
    mean, low, high, n = astuple(found.interval)
    reason = f"{found.about}: {_text(mean, low, high)}, asked {asked}"
    return Judgement(verdict, reason, mean, low, high, found.unit, n, found.mde, p)


def _text(mean: float, low: float, high: float) -> str:
    ends = "no interval of one value" if math.isnan(low) else f"{low:.4g} to {high:.4g}"
    return f"{mean:.4g} ({ends})"
