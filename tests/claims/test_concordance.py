"""Rankings that agree, that do not, and that nobody knows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy import stats

from moe_core.claims.concordance import at_least, concordance
from moe_core.claims.evidence import UntestableError
from moe_core.claims.judge import judge
from moe_core.claims.rules import Concordant

STRATEGIES = ["top1", "softk", "hash", "topk_hard", "expert_choice"]
RULE = TypeAdapter(Concordant)


def rule(least: float) -> Concordant:
    arms = {"experiment": "unified"}
    first, second = ({"arms": arms, "measure": m} for m in ("load_cv", "drop_rate"))
    both = {"strategies": STRATEGIES, "first": first, "second": second, "least": least}
    return RULE.validate_python({"kind": "concordant"} | both)


def fill(world, first: list[float], second: list[float], noise: float, seeds: int = 5) -> None:
    rng = np.random.default_rng(0)
    for strategy, a, b in zip(STRATEGIES, first, second, strict=True):
        drawn = {
            name: [mean + noise * x for x in rng.normal(size=seeds)]
            for name, mean in (("load_cv", a), ("drop_rate", b))
        }
        world.add(strategy, seeds=tuple(range(seeds)), **drawn)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.data())
def test_partial_conjunction(p_values, data):
    needed = data.draw(st.integers(1, len(p_values)))
    found = at_least(needed, p_values)
    if needed == len(p_values):
        assert found == max(p_values)
    if needed == 1:
        assert found == pytest.approx(min(1.0, len(p_values) * min(p_values)))
    # Bonferroni over the worst subset of which at least one effect must be real
    subset = sorted(p_values)[needed - 1 :]
    assert found == pytest.approx(min(1.0, len(subset) * min(subset)))
    assert math.isnan(at_least(needed, [*p_values, math.nan]))


@pytest.mark.parametrize(
    ("second", "least", "verdict"),
    [
        ([1, 2, 3, 4, 5], 0.9, "SUPPORTED"),
        ([2, 1, 3, 4, 5], 0.9, "REFUTED"),  # one exchange is a tau of 0.8
        ([2, 1, 3, 4, 5], 0.8, "SUPPORTED"),
        ([2, 1, 4, 3, 5], 0.8, "REFUTED"),
        ([5, 4, 3, 2, 1], -0.9, "REFUTED"),
        ([2.5, 2.5, 3, 4, 5], 0.9, "INCONCLUSIVE"),  # a tie is neither
    ],
)
def test_verdicts(world, second, least, verdict):
    fill(world, [1, 2, 3, 4, 5], second, noise=0.02)
    judged, found = judge(rule(least), world.evidence), concordance(rule(least), world.evidence)
    assert judged.verdict == verdict
    assert judged.p == (found.p_unlike if verdict == "REFUTED" else found.p_alike)
    assert (judged.p <= 0.05) == (verdict != "INCONCLUSIVE")


def test_nobody_knows_the_ranking_of_arms_that_are_alike(world):
    # three seeds of no effect at all: the bootstrap of tau alone would judge
    fill(world, [1] * 5, [1] * 5, noise=0.1, seeds=3)
    found = concordance(rule(0.9), world.evidence)
    assert found.tau.high < 0.9
    assert found.p_unlike > 0.05
    assert judge(rule(0.9), world.evidence).verdict == "INCONCLUSIVE"


def test_p_values_are_those_of_the_pairs(world):
    fill(world, [1, 2, 3, 4, 5], [1, 2, 3, 5, 4], noise=0.3)
    found = concordance(rule(0.8), world.evidence)

    def p(a: int, b: int) -> float:
        rows = [
            [row for row in world.rows["unified"] if row["strategy"] == STRATEGIES[i]]
            for i in (a, b)
        ]
        return max(
            stats.ttest_rel(*([row[m] for row in side] for side in rows)).pvalue
            for m in ("load_cv", "drop_rate")
        )

    pairs = {(a, b): p(a, b) for a in range(5) for b in range(a + 1, 5)}
    alike = sorted(p for pair, p in pairs.items() if pair != (3, 4))
    # nine of ten pairs alike make 0.8: two of them would have to be exchanged for less
    assert found.p_alike == pytest.approx(min(1.0, 2 * alike[8]))
    assert found.p_unlike == 1.0
    strict = concordance(rule(0.9), world.evidence)
    assert strict.p_alike == 1.0
    assert strict.p_unlike == pytest.approx(min(1.0, 10 * pairs[3, 4]))


def across(first: dict, second: dict, *measures: str) -> Concordant:
    """Of selected arms, by one measure or a measure each; load_cv if none is named."""
    of_first, of_second = (*measures, *measures)[:2] or ("load_cv", "load_cv")
    sides = {
        "first": {"arms": first, "measure": of_first},
        "second": {"arms": second, "measure": of_second},
    }
    both = {"kind": "concordant", "strategies": STRATEGIES, "least": 0.9}
    return RULE.validate_python(both | sides)


UNIFIED = {"experiment": "unified"}


@pytest.mark.parametrize(
    ("first", "second", "measure"),
    [
        (UNIFIED, UNIFIED, "load_cv"),
        (UNIFIED, UNIFIED | {"capacity_factor": 1.25}, "load_cv"),  # in other words
        (UNIFIED, UNIFIED | {"minus_dense": True}, "bits_per_byte"),
        (UNIFIED, {"experiment": "larger"}, "load_cv"),  # whose runs are those of the other
    ],
)
def test_runs_do_not_agree_with_themselves(world, first, second, measure):
    fill(world, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], noise=0.02)
    world.add("dense", audited=False)
    world.rows["larger"] = world.rows["unified"]
    for sides in [(first, second), (second, first)]:
        asked = across(*sides, measure)
        with pytest.raises(UntestableError, match="both sides are the same runs of top1"):
            concordance(asked, world.evidence)
        assert judge(asked, world.evidence).verdict == "NOT TESTABLE"


def test_two_measures_of_the_same_runs_may_agree(world):
    fill(world, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], noise=0.02)
    asked = across(UNIFIED, UNIFIED, "load_cv", "drop_rate")
    assert judge(asked, world.evidence).verdict == "SUPPORTED"


def test_one_run_that_both_sides_share_is_one_too_many(world):
    for rank, strategy in enumerate(STRATEGIES):
        for experiment in ("unified", "larger"):
            drawn = [rank + x / 100 for x in range(5)]
            world.add(strategy, experiment=experiment, load_cv=drawn)
    asked = across(UNIFIED, {"experiment": "larger"})
    assert concordance(asked, world.evidence).tau.mean == pytest.approx(1)
    theirs, ours = (
        next(row for row in world.rows[e] if (row["strategy"], row["seed"]) == ("hash", 3))
        for e in ("larger", "unified")
    )
    theirs["run"] = ours["run"]
    with pytest.raises(UntestableError, match="both sides are the same runs of hash"):
        concordance(asked, world.evidence)


def test_one_seed_ranks_nothing(world):
    fill(world, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], noise=0.0, seeds=1)
    found = concordance(rule(0.9), world.evidence)
    assert found.tau.mean == pytest.approx(1)
    assert math.isnan(found.p_alike)
    assert judge(rule(0.9), world.evidence).verdict == "INCONCLUSIVE"
