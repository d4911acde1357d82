"""Do two selections rank the same strategies alike?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from moe_core.claims.estimates import estimate
from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.claims.rules import Concordant, Selection
from moe_core.stats.intervals import Interval
from moe_core.stats.ranking import kendall_tau


@dataclass(frozen=True)
class Concordance:
    """Kendall's tau, and p values of it being as high as asked and of it being lower.

    The bootstrap's interval of tau is too short with few seeds to judge by, and ranks arms that
    are alike. So the p values are of pairs of strategies: one pair is ranked alike, or exchanged,
    by the larger p value of its two differences; as many as tau asks for, by `at_least`.
    """

    tau: Interval
    p_alike: float
    p_unlike: float


def concordance(rule: Concordant, evidence: Evidence) -> Concordance:
    """Raises UntestableError where the tables cannot speak of an arm."""
    sides = (rule.first, rule.second)
    if rule.first.measure == rule.second.measure:
        for name in rule.strategies:
            first, second = ({*evidence.runs(s.arms.of(name)).run} for s in sides)
            if first & second:
                raise UntestableError(f"both sides are the same runs of {name}")
    alike, exchanged = [], []
    for a, b in combinations(rule.strategies, 2):
        both = [estimate(evidence, s.measure, s.arms.of(a), less=s.arms.of(b)) for s in sides]
        p = max((e.p_at(0.0) for e in both), key=lambda p: (math.isnan(p), p))
        product = math.prod(e.interval.mean for e in both)
        alike.append(p if product > 0 or math.isnan(p) else 1.0)
        exchanged.append(p if product < 0 or math.isnan(p) else 1.0)
    # m pairs alike and the others exchanged make tau = 2 m / N - 1
    needed = math.ceil(round(len(alike) * (1 + rule.least) / 2, 9))
    first_RM, second_RM = _values(evidence, sides, rule.strategies)
    return Concordance(
        kendall_tau(first_RM, second_RM),
        at_least(needed, alike),
        at_least(len(alike) - needed + 1, exchanged),
    )


def at_least(needed: int, p_values: Sequence[float]) -> float:
    """p value of ``needed`` or more of the effects being real; nan if that of one is.

    Partial conjunction (Benjamini and Heller 2008, Biometrics 64:1215-1222), Bonferroni's form.
    """
    if any(map(math.isnan, p_values)):
        return math.nan
    return min(1.0, (len(p_values) - needed + 1) * sorted(p_values)[needed - 1])


def _values(
    evidence: Evidence, sides: Sequence[Selection], strategies: Sequence[str]
) -> list[list[list[float]]]:
    """Of each side, seeds by strategies."""
    columns = [[evidence.values(s.arms.of(name), s.measure) for name in strategies] for s in sides]
    seeds = sorted(set.intersection(*({*values} for side in columns for values in side)))
    if not seeds:
        raise UntestableError("the arms have no seed in common")
    return [[[values[seed] for values in side] for seed in seeds] for side in columns]
