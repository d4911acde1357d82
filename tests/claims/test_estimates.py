"""Effects and intervals against closed forms."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from moe_core.claims.arms import Arm
from moe_core.claims.estimates import estimate
from moe_core.claims.evidence import UntestableError
from moe_core.stats.power import minimum_detectable_effect

A, B = (Arm(experiment="unified", strategy=name) for name in ("softk", "top1"))
CV_A, CV_B = [0.31, 0.28, 0.35, 0.30, 0.33], [0.52, 0.61, 0.49, 0.55, 0.58]


def test_a_measure_by_seed_is_students_t(world):
    world.add("softk", load_cv=CV_A).add("top1", load_cv=CV_B)
    alone = estimate(world.evidence, "load_cv", A)
    test = stats.ttest_1samp(CV_A, 0.3)
    ends = test.confidence_interval()
    assert (alone.interval.low, alone.interval.high) == pytest.approx((ends.low, ends.high))
    assert alone.p_at(0.3) == pytest.approx(test.pvalue)
    paired = estimate(world.evidence, "load_cv", A, less=B)
    test = stats.ttest_rel(CV_A, CV_B)
    for interval, level in [(paired.interval, 0.95), (paired.interval90, 0.90)]:
        ends = test.confidence_interval(level)
        assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high))
    assert paired.interval.mean == pytest.approx(np.mean(CV_A) - np.mean(CV_B))
    assert paired.interval.n == 5
    assert paired.p_at(0.0) == pytest.approx(test.pvalue)
    gaps = np.subtract(CV_A, CV_B)
    assert paired.p_at(-0.2) == pytest.approx(stats.ttest_1samp(gaps, -0.2).pvalue)
    assert paired.mde == pytest.approx(minimum_detectable_effect(gaps.std(ddof=1), 5))
    assert paired.seed_sd == pytest.approx(
        math.sqrt((np.var(CV_A, ddof=1) + np.var(CV_B, ddof=1)) / 2)
    )


def test_a_ratio_is_students_t_of_logarithms(world):
    world.add("softk", load_cv=CV_A).add("top1", load_cv=CV_B)
    ratio = estimate(world.evidence, "load_cv", A, over=B)
    logs = np.log(CV_A) - np.log(CV_B)
    ends = stats.ttest_1samp(logs, 0).confidence_interval()
    assert ratio.interval.mean == pytest.approx(math.exp(logs.mean()))
    assert (ratio.interval.low, ratio.interval.high) == pytest.approx(
        (math.exp(ends.low), math.exp(ends.high))
    )
    assert ratio.p_at(0.6) == pytest.approx(stats.ttest_1samp(logs, math.log(0.6)).pvalue)
    assert ratio.mde == pytest.approx(math.expm1(minimum_detectable_effect(logs.std(ddof=1), 5)))
    assert ratio.unit == "ratio"


def test_no_ratio_to_nothing(world):
    world.add("softk", load_cv=CV_A).add("top1", load_cv=[0.0, *CV_B[1:]])
    with pytest.raises(UntestableError, match="there is no ratio"):
        estimate(world.evidence, "load_cv", A, over=B)


def test_bits_per_byte_are_those_of_the_stories_and_the_summary(world):
    world.add("softk", 1.20, noise=0.004).add("top1", 1.25, noise=0.003)
    found = estimate(world.evidence, "bits_per_byte", A, less=B)
    assert found.interval.mean == pytest.approx(-0.05)
    assert found.interval.low < -0.05 < found.interval.high < 0
    # every story has the same gap, so that seeds alone vary and t is exact
    a, b = (world.evidence.values(arm, "bits_per_byte") for arm in (A, B))
    gaps = [a[seed] - b[seed] for seed in range(5)]
    ends = stats.ttest_1samp(gaps, 0).confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))
    assert found.p_at(-0.06) == pytest.approx(stats.ttest_1samp(gaps, -0.06).pvalue)
    alone = estimate(world.evidence, "bits_per_byte", A)
    assert alone.interval.mean == pytest.approx(1.20)
    assert alone.seed_sd == pytest.approx(np.std([*a.values()], ddof=1))


def test_stories_widen_the_interval(world):
    world.add("softk", 1.20).add("top1", 1.25)
    narrow = estimate(world.evidence, "bits_per_byte", A, less=B).interval
    rng = np.random.default_rng(1)
    noise_N = rng.normal(0, 40, len(world.bytes_N))
    for run, stories in world.stories.items():
        if "softk" in run:
            world.stories[run] = stories.assign(nats=stories.nats + noise_N)
    wide = estimate(world.evidence, "bits_per_byte", A, less=B).interval
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_arms_that_read_different_stories_are_not_compared(world):
    world.add("softk").add("top1")
    extra = pd.DataFrame({"story": [999], "bytes": [100], "nats": [50.0]})
    for run, stories in world.stories.items():
        if "top1" in run:
            world.stories[run] = pd.concat([stories, extra])
    for pair in [(A, B), (B, A)]:
        with pytest.raises(UntestableError, match="were tested on different stories"):
            estimate(world.evidence, "bits_per_byte", pair[0], less=pair[1])


def test_the_ratio_of_perplexities_is_their_difference_in_bits(world):
    world.add("softk", 1.20, noise=0.004).add("top1", 1.25, noise=0.003)
    found = estimate(world.evidence, "perplexity", A, over=B)
    a, b = (world.evidence.values(arm, "perplexity") for arm in (A, B))
    logs = [math.log(a[s] / b[s]) for s in a]
    assert found.interval.mean == pytest.approx(math.exp(np.mean(logs)))
    ends = stats.ttest_1samp(logs, 0).confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (math.exp(ends.low), math.exp(ends.high))
    )
    assert found.p_at(0.9) == pytest.approx(stats.ttest_1samp(logs, math.log(0.9)).pvalue)


def test_only_common_seeds_are_compared(world):
    world.shared_sd = 0.1
    world.add("softk", load_cv=CV_A).add("top1", seeds=(4, 3, 7), load_cv=[0.58, 0.55, 9.0])
    found = estimate(world.evidence, "load_cv", A, less=B).interval
    assert found.n == 2
    assert found.mean == pytest.approx(np.mean([0.33 - 0.58, 0.30 - 0.55]))
    bits = estimate(world.evidence, "bits_per_byte", A, less=B).interval
    a, b = (world.evidence.values(arm, "bits_per_byte") for arm in (A, B))
    assert bits.n == 2
    assert bits.mean == pytest.approx((a[3] - b[3] + a[4] - b[4]) / 2)
    world.add("hash", seeds=(8, 9), load_cv=[0.1, 0.1])
    hashed = Arm(experiment="unified", strategy="hash")
    for measure in ("load_cv", "bits_per_byte"):
        with pytest.raises(UntestableError, match="no seed in common"):
            estimate(world.evidence, measure, A, less=hashed)


def test_speed_is_as_uncertain_as_its_repeats(world):
    fast = {"tokens_per_s": 100.0, "tokens_per_s_min": 90.0, "tokens_per_s_max": 120.0}
    slow = {"tokens_per_s": 50.0, "tokens_per_s_min": 48.0, "tokens_per_s_max": 60.0}
    world.add("softk", **slow).add("top1", **fast).add("hash", tokens_per_s=70.0)
    ratio = estimate(world.evidence, "tokens_per_s", A, over=B)
    assert (ratio.interval.mean, ratio.interval.low, ratio.interval.high) == (0.5, 0.4, 60 / 90)
    gap = estimate(world.evidence, "tokens_per_s", A, less=B).interval
    assert (gap.mean, gap.low, gap.high, gap.n) == (-50, -72, -30, 1)
    alone = estimate(world.evidence, "tokens_per_s", A).interval
    assert (alone.mean, alone.low, alone.high) == (50, 48, 60)
    assert math.isnan(ratio.p_at(1.0))
    unknown = estimate(
        world.evidence, "tokens_per_s", Arm(experiment="unified", strategy="hash"), over=B
    )
    assert math.isnan(unknown.interval.low)
    assert math.isnan(unknown.interval.high)


def test_an_arm_is_not_compared_with_itself(world):
    world.add("softk", jitter=0.0)
    on, off = (A.model_copy(update={"jitter": x}) for x in ("largest", "smallest"))
    with pytest.raises(UntestableError, match="are the same runs"):
        estimate(world.evidence, "bits_per_byte", on, less=off)


def test_unequal_flops_are_told_where_quality_is_compared(world):
    world.add("softk", dense_width=256, load_cv=CV_A).add("top1", dense_width=128, load_cv=CV_B)
    for width in (128, 256):
        world.add("dense", dense_width=width, audited=False)
    note = r"at unequal active FLOPs \(dense widths \[128, 256\]\)"
    quality = ("bits_per_byte", "bits_per_byte_at_capacity", "perplexity", "steps_to_target")
    other = ("load_cv", "drop_rate")
    for row in world.rows["unified"]:
        row |= dict.fromkeys({*quality, *other} - row.keys(), 1.0 + row["seed"])
    for measure in quality:
        assert re.search(note, estimate(world.evidence, measure, A, less=B).about), measure
    for measure in other:
        assert "unequal" not in estimate(world.evidence, measure, A, less=B).about
    over_dense = [arm.model_copy(update={"minus_dense": True}) for arm in (A, B)]
    assert (
        "unequal"
        not in estimate(world.evidence, "bits_per_byte", over_dense[0], less=over_dense[1]).about
    )


def test_measures_at_capacity_are_paired_by_seed_and_in_units_of_their_kind(world):
    for measure, unit in [
        ("bits_per_byte_at_capacity", "bits_per_byte"),
        ("drop_rate", "share"),
    ]:
        # as many bits per byte without drops: these must not be read instead
        world.rows.clear()
        world.add("softk", 1.2, **{measure: CV_A}).add("top1", 1.2, **{measure: CV_B})
        found = estimate(world.evidence, measure, A, less=B)
        ends = stats.ttest_rel(CV_A, CV_B).confidence_interval()
        assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))
        assert found.unit == unit


def test_leads_over_dense_models_of_their_own(world):
    world.add("softk", 1.20, dense_width=256).add("top1", 1.25, dense_width=128)
    world.add("dense", 1.22, dense_width=256, audited=False)
    world.add("dense", 1.29, dense_width=128, audited=False)
    a, b = (arm.model_copy(update={"minus_dense": True}) for arm in (A, B))
    assert estimate(world.evidence, "bits_per_byte", a, less=b).interval.mean == pytest.approx(
        (1.20 - 1.22) - (1.25 - 1.29)
    )


def test_what_is_compared_is_told_in_words(world):
    world.add("softk", jitter=0.0).add("softk", jitter=0.1).add("top1", jitter=0.0)
    off, on, top1 = (
        Arm(experiment="unified", strategy=s, jitter=j)
        for s, j in [("softk", 0.0), ("softk", 0.1), ("top1", 0.0)]
    )
    about = {
        estimate(world.evidence, "perplexity", off, over=on).about: "perplexity of "
        "softk (unified, jitter 0.0) over softk (unified, jitter 0.1)",
        estimate(world.evidence, "bits_per_byte", off, less=top1).about: "bits_per_byte of "
        "softk less top1 (unified, jitter 0.0)",
        estimate(world.evidence, "bits_per_byte", off).about: "bits_per_byte of "
        "softk (unified, jitter 0.0)",
    }
    assert [*about] == [*about.values()]
