"""Each rule gives each of its verdicts where the truth is known."""

import math

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats

from moe_core.claims.facts import Fact, read_facts
from moe_core.claims.judge import judge
from moe_core.claims.judgement import Judgement
from moe_core.claims.rules import Rule
from moe_core.errors import StudyError
from moe_core.measure.facts import exact, fact_table, missing, of_repeats
from moe_core.stats.intervals import Interval

RULE = TypeAdapter(Rule)
SOFTK, TOP1, HASH = ({"experiment": "unified", "strategy": s} for s in ("softk", "top1", "hash"))
LESS = {"kind": "less", "smaller": SOFTK, "larger": TOP1}
EQUIVALENT = {"kind": "equivalent", "first": SOFTK, "second": TOP1, "margin": 0.02}
SPREAD = [-0.01, 0.005, 0.0, 0.01, -0.005]


def judged(rule: dict, world) -> Judgement:
    return judge(RULE.validate_python(rule), world.evidence)


def around(mean: float) -> list[float]:
    return [mean + x for x in SPREAD]


@pytest.mark.parametrize(
    ("gap", "noise", "verdict"),
    [
        (-0.05, 0.002, "SUPPORTED"),
        (-0.0101, 0.002, "SUPPORTED"),
        (-0.007, 0.0005, "EQUIVALENT"),  # certain, and below the smallest effect of interest
        (-0.009, 0.003, "INCONCLUSIVE"),  # as certain, but not known to be that small
        (0.0, 0.002, "EQUIVALENT"),
        (0.0, 0.03, "INCONCLUSIVE"),
        (-0.04, 0.06, "INCONCLUSIVE"),
        (0.05, 0.002, "REFUTED"),
        (0.002, 0.0005, "REFUTED"),  # the other side, however little
    ],
)
def test_less_in_bits_per_byte(world, gap, noise, verdict):
    world.add("softk", 1.2 + gap, noise).add("top1", 1.2, noise)
    found = judged(LESS, world)
    assert found.verdict == verdict
    assert found.effect == pytest.approx(gap, abs=1e-9)
    assert found.n == 5
    assert found.unit == "bits_per_byte"


NOISY = 0.08
SEED_SD = float(np.std([np.random.default_rng(s).normal(0, NOISY) for s in range(5)], ddof=1))


@pytest.mark.parametrize(
    ("gap", "least", "verdict"),
    [
        (-1.01 * SEED_SD, 0.0, "SUPPORTED"),
        (-0.99 * SEED_SD, 0.0, "INCONCLUSIVE"),
        (-0.0101, 0.0, "INCONCLUSIVE"),  # certain, but neither an effect nor none
        (-0.0099, 0.0, "EQUIVALENT"),
        (-0.0099, 0.001, "EQUIVALENT"),  # what a claim asks can raise the smallest effect alone
        (-0.03, 0.035, "EQUIVALENT"),
        (-0.03, 0.025, "INCONCLUSIVE"),
        (-1.01 * SEED_SD, 1.005 * SEED_SD, "SUPPORTED"),
        (0.0101, 0.0, "REFUTED"),  # no deviation excuses the other side
    ],
)
def test_a_seeds_deviation_raises_what_is_an_effect_and_not_what_is_none(
    world, gap, least, verdict
):
    world.shared_sd = NOISY
    world.add("softk", 1.2 + gap, 2e-5).add("top1", 1.2, 2e-5)
    found = judged(LESS | {"least": least}, world)
    assert gap - 1e-4 < found.low < found.high < gap + 1e-4  # paired, it is certain
    assert found.verdict == verdict


def test_an_effect_below_a_seeds_deviation_leaves_an_order_open(world):
    world.shared_sd = NOISY
    world.add("softk", 1.2).add("hash", 1.23).add("top1", 1.5)
    rule = {"kind": "order", "arms": {"experiment": "unified"}, "margin": 0.02}
    assert judged(rule | {"chain": "softk < hash < top1"}, world).verdict == "INCONCLUSIVE"
    assert judged(rule | {"chain": "softk < top1"}, world).verdict == "SUPPORTED"
    world.add("expert_choice", 1.201)
    tie = rule | {"chain": "softk < expert_choice < top1"}
    assert judged(tie, world).verdict == "REFUTED"


@pytest.mark.parametrize(
    ("measure", "verdict"),
    [("load_cv", "SUPPORTED"), ("bits_per_byte_at_capacity", "INCONCLUSIVE")],
)
def test_a_seeds_deviation_is_asked_for_in_bits_per_byte_alone(world, measure, verdict):
    seeds = [0.1, 0.9, 0.3, 0.7, 0.5]
    below = [x - 0.05 + y for x, y in zip(seeds, SPREAD, strict=True)]
    world.add("softk", **{measure: below}).add("top1", **{measure: seeds})
    assert judged(LESS | {"measure": measure, "least": 0.01}, world).verdict == verdict
    assert judged(LESS | {"measure": measure, "least": 0.08}, world).verdict == "EQUIVALENT"


def test_an_explicit_least_can_ask_for_more(world):
    world.add("softk", 1.15).add("top1", 1.2)
    assert judged(LESS | {"least": 0.049}, world).verdict == "SUPPORTED"
    assert judged(LESS | {"least": 0.06}, world).verdict == "EQUIVALENT"
    assert judged(LESS | {"least": 0.051}, world).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("softk", "top1", "least", "verdict"),
    [
        (around(0.3), [0.5] * 5, 0.0, "SUPPORTED"),
        (around(0.3), [0.5] * 5, 0.3, "EQUIVALENT"),
        (around(0.3), [0.5] * 5, 0.205, "INCONCLUSIVE"),
        (around(0.499), [0.5] * 5, 0.0, "INCONCLUSIVE"),
        (around(0.6), [0.5] * 5, 0.0, "REFUTED"),
        ([0.0] * 5, [0.0] * 5, 0.5, "EQUIVALENT"),  # nothing to prevent
        ([0.0] * 5, [0.0] * 5, 0.0, "INCONCLUSIVE"),
    ],
)
def test_less_in_another_measure(world, softk, top1, least, verdict):
    world.add("softk", load_cv=softk).add("top1", load_cv=top1)
    assert judged(LESS | {"measure": "load_cv", "least": least}, world).verdict == verdict


def test_p_values_are_those_of_the_test_behind_the_verdict(world):
    softk, top1 = around(0.3), around(0.303)
    world.add("softk", load_cv=softk).add("top1", load_cv=top1[::-1])
    gaps = [a - b for a, b in zip(softk, top1[::-1], strict=True)]

    def p(edge: float, side: str = "two-sided") -> float:
        return float(stats.ttest_1samp(gaps, edge, alternative=side).pvalue)

    less = LESS | {"measure": "load_cv"}
    same = EQUIVALENT | {"measure": "load_cv"}
    band = {"kind": "within", "measure": "load_cv", "of": SOFTK, "less": TOP1}
    cases = [
        (less, "INCONCLUSIVE", p(0)),
        (less | {"least": 0.1}, "EQUIVALENT", max(p(-0.1, "greater"), p(0.1, "less"))),
        (same | {"margin": 0.1}, "EQUIVALENT", max(p(-0.1, "greater"), p(0.1, "less"))),
        (same | {"margin": 0.005}, "INCONCLUSIVE", p(-0.005, "greater")),
        (same | {"margin": 0.002}, "INCONCLUSIVE", p(-0.002, "greater")),  # above one half
        (band | {"low": -0.1, "high": 0.2}, "SUPPORTED", p(-0.1)),
        (band | {"low": -0.2, "high": 0.05}, "SUPPORTED", p(0.05)),
        (band | {"high": 0.05}, "SUPPORTED", p(0.05)),
        (band | {"low": 0.05, "high": 0.2}, "REFUTED", p(0.05)),
        (band | {"low": -0.2, "high": -0.1}, "REFUTED", p(-0.1)),
        (band | {"low": 0.0}, "INCONCLUSIVE", 1.0),
    ]
    for rule, verdict, expected in cases:
        found = judged(rule, world)
        assert (found.verdict, found.p) == (verdict, pytest.approx(expected)), rule


@pytest.mark.parametrize(
    ("gap", "noise", "verdict"),
    [
        (0.0, 0.002, "EQUIVALENT"),
        (0.015, 0.002, "EQUIVALENT"),
        (-0.015, 0.002, "EQUIVALENT"),
        (0.019, 0.004, "INCONCLUSIVE"),
        (0.0, 0.05, "INCONCLUSIVE"),
        (0.03, 0.002, "REFUTED"),
        (-0.03, 0.002, "REFUTED"),
        (0.022, 0.003, "INCONCLUSIVE"),  # beyond the margin, but not surely
    ],
)
def test_equivalent(world, gap, noise, verdict):
    world.add("softk", 1.2 + gap, noise).add("top1", 1.2, noise)
    found = judged(EQUIVALENT, world)
    assert found.verdict == verdict
    assert (found.p < 0.05) == (verdict != "INCONCLUSIVE")


def test_equivalence_is_two_one_sided_tests_at_five_percent(world):
    softk, top1 = around(0.3), [0.3] * 5
    world.add("softk", load_cv=softk).add("top1", load_cv=top1)
    reach90, reach95 = (
        stats.ttest_1samp(softk, 0.3).confidence_interval(level).high - 0.3
        for level in (0.90, 0.95)
    )
    rule = EQUIVALENT | {"measure": "load_cv", "margin": (reach90 + reach95) / 2}
    found = judged(rule, world)
    assert found.verdict == "EQUIVALENT"
    assert 0.025 < found.p < 0.05
    assert judged(rule | {"margin": 0.99 * reach90}, world).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_refutes_equivalence_is_tested_at_the_margin_it_passed(world, sign):
    softk = [sign * x for x in around(0.3)]
    world.add("softk", load_cv=softk).add("top1", load_cv=[0.0] * 5)
    found = judged(EQUIVALENT | {"measure": "load_cv", "margin": 0.28}, world)
    assert found.verdict == "REFUTED"
    assert found.p == pytest.approx(stats.ttest_1samp(softk, sign * 0.28).pvalue)


@pytest.mark.parametrize(
    ("band", "verdict"),
    [
        ({"low": 0.25, "high": 0.35}, "SUPPORTED"),
        ({"low": 0.25}, "SUPPORTED"),
        ({"high": 0.35}, "SUPPORTED"),
        ({"low": 0.301, "high": 0.35}, "INCONCLUSIVE"),
        ({"high": 0.305}, "INCONCLUSIVE"),
        ({"low": 0.35}, "REFUTED"),
        ({"high": 0.25}, "REFUTED"),
        ({"low": 0.35, "high": 0.4}, "REFUTED"),
        ({"low": 0.1, "high": 0.2}, "REFUTED"),
    ],
)
def test_within(world, band, verdict):
    world.add("softk", load_cv=around(0.3))
    found = judged({"kind": "within", "measure": "load_cv", "of": SOFTK} | band, world)
    assert found.verdict == verdict
    assert (found.p < 0.05) == (verdict != "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("band", "asked"),
    [
        ({"low": 0.25}, "0.25 or more"),
        ({"high": 0.35}, "0.35 or less"),
        ({"low": 0.25, "high": 0.35}, "0.25 to 0.35"),
    ],
)
def test_a_reason_tells_the_effect_and_what_was_asked(world, band, asked):
    world.add("softk", load_cv=[0.29, 0.31, 0.30, 0.30, 0.30])
    found = judged({"kind": "within", "measure": "load_cv", "of": SOFTK} | band, world)
    assert found.reason == f"load_cv of softk (unified): 0.3 (0.2912 to 0.3088), asked {asked}"


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [(-0.09, "SUPPORTED"), (-0.05, "REFUTED"), (-0.15, "REFUTED"), (-0.078, "INCONCLUSIVE")],
)
def test_within_a_ratio_of_perplexities(world, gap, verdict):
    # three bytes a token: a gap of g bits a byte is a ratio of 2^(3 g); 0.80 is -0.107, 0.85 -0.078
    world.add("softk", 1.5 + gap, 0.001).add("top1", 1.5, 0.001)
    band = {"kind": "within", "measure": "perplexity", "low": 0.80, "high": 0.85}
    found = judged(band | {"of": SOFTK, "over": TOP1}, world)
    assert found.verdict == verdict
    assert found.effect == pytest.approx(2 ** (3 * gap))
    assert found.unit == "ratio"


def test_within_a_ratio_of_speeds(world):
    def speed(rate: float, spread: float) -> dict[str, float]:
        return {
            "tokens_per_s": rate,
            "tokens_per_s_min": rate - spread,
            "tokens_per_s_max": rate + spread,
        }

    world.add("softk", **speed(78, 0.5)).add("top1", **speed(100, 0.5)).add("hash", **speed(95, 9))
    band = {"kind": "within", "measure": "tokens_per_s", "of": SOFTK, "over": TOP1}
    assert judged(band | {"low": 0.75, "high": 0.80}, world).verdict == "SUPPORTED"
    assert judged(band | {"low": 0.90}, world).verdict == "REFUTED"
    unsure = judged(band | {"of": HASH, "high": 0.94}, world)
    assert unsure.verdict == "INCONCLUSIVE"
    assert math.isnan(unsure.p)
    assert math.isnan(judged(band | {"low": 0.75}, world).p)


def test_a_ratio_of_speeds_is_no_surer_than_the_machine_was_steady(world):
    def timed(peak: float) -> dict[str, float]:
        return timing(100) | {"matmul_peak_flops": peak}

    rule = {"kind": "within", "measure": "tokens_per_s", "of": SOFTK, "over": TOP1}
    rule |= {"low": 0.95, "high": 1.05}
    world.add("softk", **timed(1.00e9)).add("top1", **timed(1.01e9))
    assert judged(rule, world).verdict == "SUPPORTED"
    world.add("hash", **timed(1.10e9))  # another arm of the experiment shows the drift
    assert judged(rule, world).verdict == "INCONCLUSIVE"


def timing(rate: float) -> dict[str, float]:
    return {"tokens_per_s": rate, "tokens_per_s_min": rate - 0.5, "tokens_per_s_max": rate + 0.5}


def concordant(least: float, **selections: dict) -> dict:
    both = {"arms": {"experiment": "unified"}, "measure": "load_cv"}
    return {
        "kind": "concordant",
        "strategies": ["top1", "softk", "hash", "topk_hard"],
        "first": both | selections.get("first", {}),
        "second": both | selections.get("second", {}),
        "least": least,
    }


def test_concordant_measures(world):
    for rank, strategy in enumerate(["top1", "softk", "hash", "topk_hard"]):
        world.add(
            strategy,
            load_cv=around(rank),
            drop_rate=around(2 * rank),
            gini=around(-rank),
            max_vio=[rank, -rank, 0.5 * rank, -0.5 * rank, 0.1 * rank],
        )
    for measure, verdict in [
        ("drop_rate", "SUPPORTED"),
        ("gini", "REFUTED"),
        ("max_vio", "INCONCLUSIVE"),
    ]:
        assert judged(concordant(0.5, second={"measure": measure}), world).verdict == verdict


def test_concordant_experiments(world):
    for rank, strategy in enumerate(["top1", "softk", "hash", "topk_hard"]):
        world.add(strategy, load_cv=around(rank), num_experts=8, experiment="larger")
        world.add(strategy, load_cv=around(rank ^ 1), num_experts=32, experiment="larger")
        world.add(strategy, load_cv=around(3 * rank), experiment="subword")
    few, many = ({"arms": {"experiment": "larger", "num_experts": e}} for e in (8, 32))
    same = judged(
        concordant(0.9, first=few, second={"arms": {"experiment": "subword"}}),
        world,
    )
    assert (same.verdict, same.effect) == ("SUPPORTED", 1.0)
    # two exchanges of neighbours among four: (4 - 2) / 6
    other = judged(concordant(0.9, first=few, second=many), world)
    assert (other.verdict, other.effect) == ("REFUTED", pytest.approx(1 / 3))
    assert other.n == 5


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [
        ({"expert_choice": 1.2, "softk": 1.2, "hash": 1.25, "top1": 1.3}, "SUPPORTED"),
        ({"expert_choice": 1.2, "softk": 1.25, "hash": 1.3, "top1": 1.35}, "REFUTED"),  # no ~
        ({"expert_choice": 1.2, "softk": 1.2, "hash": 1.3, "top1": 1.25}, "REFUTED"),  # exchanged
        ({"expert_choice": 1.2, "softk": 1.2, "hash": 1.25, "top1": 1.25}, "REFUTED"),  # a tie
        ({"expert_choice": 1.22, "softk": 1.2, "hash": 1.25, "top1": 1.3}, "INCONCLUSIVE"),
    ],
)
def test_order(world, bits, verdict):
    for strategy, mean in bits.items():
        world.add(strategy, mean, 0.002)
    chain = "expert_choice ~ softk < hash < top1"
    rule = {"kind": "order", "arms": {"experiment": "unified"}, "chain": chain, "margin": 0.02}
    assert judged(rule, world).verdict == verdict


def test_order_without_an_arm_is_refuted_by_the_others_or_not_testable(world):
    rule = {"kind": "order", "arms": {"experiment": "unified"}, "margin": 0.02}
    world.add("softk", 1.2).add("hash", 1.25)
    assert judged(rule | {"chain": "softk < hash < top1"}, world).verdict == "NOT TESTABLE"
    assert judged(rule | {"chain": "hash < softk < top1"}, world).verdict == "REFUTED"


EACH = {
    "strategies": ["softk", "hash", "topk_hard"],
    "holds": LESS | {"smaller": {"experiment": "unified"}, "measure": "load_cv", "least": 0.01},
}


@pytest.mark.parametrize(
    ("loads", "each", "some"),
    [
        ((1.1, 1.1, 1.1), "SUPPORTED", "SUPPORTED"),
        ((1.1, 1.3, 1.3), "REFUTED", "SUPPORTED"),
        ((1.3, 1.3, 1.3), "REFUTED", "REFUTED"),
        ((1.2, 1.3, 1.3), "REFUTED", "REFUTED"),  # equal is not less
        ((1.1, 1.193, 1.1), "INCONCLUSIVE", "SUPPORTED"),
        ((1.3, 1.193, 1.3), "REFUTED", "INCONCLUSIVE"),
        ((1.1, None, 1.1), "NOT TESTABLE", "SUPPORTED"),
        ((1.3, None, 1.3), "REFUTED", "NOT TESTABLE"),
        ((1.193, None, 1.1), "NOT TESTABLE", "SUPPORTED"),
        ((1.193, None, 1.3), "REFUTED", "INCONCLUSIVE"),
    ],
)
def test_each_and_some(world, loads, each, some):
    world.add("top1", load_cv=1.2)
    for strategy, mean in zip(EACH["strategies"], loads, strict=True):
        if mean is not None:
            world.add(strategy, load_cv=around(mean))
    assert judged(EACH | {"kind": "each"}, world).verdict == each
    assert judged(EACH | {"kind": "some"}, world).verdict == some


def test_a_quantifier_fills_only_arms_without_a_strategy(world):
    world.add("top1", 1.2).add("softk", 1.1).add("hash", 1.3)
    rule = {
        "kind": "each",
        "strategies": ["softk", "hash"],
        "holds": {"kind": "all", "of": [LESS | {"larger": {"experiment": "unified"}}]},
    }
    # softk against itself, then softk against hash
    found = judged(rule, world)
    assert (found.verdict, found.reason.count("same runs")) == ("NOT TESTABLE", 1)


def test_one_seed_is_never_enough(world):
    timing = {"tokens_per_s": 10.0, "tokens_per_s_min": math.nan, "tokens_per_s_max": math.nan}
    for rank, strategy in enumerate(["softk", "top1", "hash", "topk_hard"]):
        world.add(strategy, 1.2 + rank, seeds=(0,), load_cv=[float(rank)], **timing)
    rules = [
        LESS,
        LESS | {"measure": "load_cv", "least": 0.1},
        EQUIVALENT,
        {"kind": "within", "measure": "load_cv", "of": SOFTK, "high": 3.0},
        {"kind": "within", "measure": "perplexity", "of": SOFTK, "over": TOP1, "high": 0.9},
        {"kind": "within", "measure": "tokens_per_s", "of": SOFTK, "over": TOP1, "high": 2.0},
        concordant(0.0, second={"measure": "bits_per_byte"}),
    ]
    for rule in rules:
        found = judged(rule, world)
        assert found.verdict == "INCONCLUSIVE", rule
        assert "no interval" in found.reason
        assert math.isnan(found.low)


@pytest.mark.parametrize(
    "rule",
    [
        LESS,
        EQUIVALENT,
        {"kind": "within", "measure": "load_cv", "of": SOFTK, "less": TOP1, "high": 3.0},
        concordant(0.0, second={"measure": "bits_per_byte"}),
        {"kind": "all", "of": [LESS]},
    ],
)
def test_a_failed_audit_a_missing_arm_or_measure_is_not_testable(world, rule):
    for strategy in ("softk", "hash", "topk_hard"):
        world.add(strategy, load_cv=around(1.0))
    found = judged(rule, world)
    assert found.verdict == "NOT TESTABLE"
    assert "no run of top1" in found.reason
    world.add("top1", 1.3, load_cv=around(2.0))
    assert judged(rule, world).verdict != "NOT TESTABLE"
    cell = world.rows["unified"][-1]["cell"]
    world.audit(cell, "top1", declared=False, passed=False)
    assert judged(rule, world).verdict != "NOT TESTABLE"
    world.audit(cell, "top1", declared=True, passed=False)
    found = judged(rule, world)
    assert found.verdict == "NOT TESTABLE"
    assert "top1 failed the audit suffix" in found.reason
    assert math.isnan(found.effect)


@pytest.mark.parametrize(
    ("band", "ends", "verdict"),
    [
        ({"high": 1e-5}, (3e-6, math.nan, math.nan), "SUPPORTED"),
        ({"high": 0}, (0, math.nan, math.nan), "SUPPORTED"),  # its end belongs to a band
        ({"high": 0}, (2, math.nan, math.nan), "REFUTED"),
        ({"high": 1}, (math.nan, math.nan, math.nan), "INCONCLUSIVE"),
        ({"low": 1}, (1.2, 0.9, 1.5), "INCONCLUSIVE"),
        ({"low": 1}, (0.8, 0.7, 0.95), "REFUTED"),
        ({"low": 1, "high": 2}, (1.5, 1.1, 2.3), "INCONCLUSIVE"),
    ],
)
def test_a_measured_fact_in_a_band(world, band, ends, verdict):
    world.facts = {"speed": Fact("gain", Interval(*ends, n=7), "ratio", "")}
    found = judged({"kind": "measured", "fact": "speed", **band}, world)
    assert (found.verdict, found.n) == (verdict, 7)
    np.testing.assert_equal(found.effect, ends[0])
    assert found.reason.startswith("gain: ")


NOTHING = Interval(math.nan, math.nan, math.nan, 0)


def test_what_was_not_measured_is_no_evidence(world):
    world.facts = {"speed": Fact("gain", NOTHING, "ratio", "no GPU here")}
    for fact, why in (("speed", "gain: no GPU here"), ("depth", "no experiment tells depth")):
        found = judged({"kind": "measured", "fact": fact, "low": 1}, world)
        assert (found.verdict, found.reason) == ("NOT TESTABLE", why)


def test_facts_are_read_with_their_reasons(tmp_path):
    table = tmp_path / "facts.csv"
    told = [of_repeats("a", "gain", [0.1, 0.2]), missing("b", "loss", "nats", "no GPU here")]
    fact_table([*told, exact("c", "errors", 0, "count")]).to_csv(table, index=False)
    facts = read_facts([table])
    assert facts["a"].interval.mean == pytest.approx(math.exp(0.15))
    assert facts["a"].interval.low < math.exp(0.15) < facts["a"].interval.high
    assert facts["a"].about == "gain (mean over repeats of one process)"
    assert (facts["c"].interval.mean, facts["c"].interval.n) == (0, 1)
    assert math.isnan(facts["c"].interval.low)
    assert (facts["b"].not_measured, facts["b"].interval.n) == ("no GPU here", 0)
    with pytest.raises(StudyError, match="a stands in another table"):
        read_facts([table, table])
