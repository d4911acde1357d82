"""Claims of claims.yaml, in worlds that were made to be so or otherwise."""

from pathlib import Path

import pytest

from moe_core.claims.judge import judge
from moe_core.claims.judgement import Judgement
from moe_core.claims.ledger import judge_claims
from moe_core.claims.schema import load_claims

CLAIMS = {claim.id: claim for claim in load_claims(Path(__file__).parents[2] / "claims.yaml")}
CHOOSING = ["top1", "topk_hard", "softk", "hash"]
SPREAD = [-0.001, 0.0005, 0.0, 0.001, -0.0005]


def judged(name: str, world) -> Judgement:
    rule = CLAIMS[name].rule
    assert rule
    return judge(rule, world.evidence)


def around(mean: float) -> list[float]:
    return [mean + x for x in SPREAD]


def dense(world, experiment: str = "unified", **bits: float) -> None:
    """Dense models: ``w256=1.2`` is of width 256 and 1.2 bits per byte."""
    for width, mean in bits.items():
        world.add("dense", mean, experiment=experiment, dense_width=int(width[1:]), audited=False)


@pytest.mark.parametrize(
    ("softk", "dense_of_softk", "verdict"),
    [
        (1.20, 1.30, "EQUIVALENT"),
        (1.20, 1.35, "REFUTED"),  # as good, by the FLOPs of a fuller capacity
        (1.25, 1.35, "REFUTED"),  # ahead of dense by as much, and yet not as good
        (1.20, None, "NOT TESTABLE"),
    ],
)
def test_c02_is_equal_with_and_without_the_flops(world, softk, dense_of_softk, verdict):
    world.add("expert_choice", 1.20, dense_width=256).add("softk", softk, dense_width=128)
    dense(world, w256=1.30, **({"w128": dense_of_softk} if dense_of_softk else {}))
    assert judged("C02", world).verdict == verdict


@pytest.mark.parametrize(
    ("excess", "verdict"),
    [
        (0.005, "SUPPORTED"),
        (0.0099, "INCONCLUSIVE"),
        (0.018, "REFUTED"),
        (None, "NOT TESTABLE"),
    ],
)
def test_c07_is_of_what_a_trained_router_drops_beyond_chance(world, excess, verdict):
    for strategy in CHOOSING:
        own = {"softk": excess, "hash": 0.1}.get(strategy, 0.004)  # a hash has no router
        world.add(
            strategy,
            experiment="capacity_sweep",
            capacity_factor=1.1,
            drop_rate=around(0.04),  # of which chance alone has nearly all
            drop_rate_excess=[None] * 5 if own is None else around(own),
        )
        world.add(
            strategy,
            experiment="capacity_sweep",
            capacity_factor=1.0,
            drop_rate_excess=around(0.3),
        )
    assert judged("C07", world).verdict == verdict


@pytest.mark.parametrize(
    ("gain", "dropless_gain", "chosen_gain", "verdict"),
    [
        (0.03, 0.0, 0.05, "SUPPORTED"),
        (0.005, 0.0, 0.05, "REFUTED"),  # certain, and too little
        (0.0, 0.03, 0.05, "REFUTED"),  # a gain that no capacity limited
        (-0.03, 0.03, 0.05, "REFUTED"),
        (0.0099, 0.03, 0.05, "INCONCLUSIVE"),
        (0.03, 0.0, 0.0, "REFUTED"),  # expert choice gains by later tokens alone
    ],
)
def test_c10_is_of_quality_at_capacity(world, gain, dropless_gain, chosen_gain, verdict):
    for strategy in [*CHOOSING, "expert_choice"]:
        for factor in (1.0, 1.25):
            less = factor - 1.0 and (gain if strategy == "hash" else 0.05)
            dropless = chosen_gain if strategy == "expert_choice" else dropless_gain
            world.add(
                strategy,
                1.2 - dropless * (factor > 1),
                experiment="capacity_sweep",
                capacity_factor=factor,
                bits_per_byte_at_capacity=around(1.3 - less)[:: 1 if factor > 1 else -1],
            )
    assert judged("C10", world).verdict == verdict


def timing(rate: float) -> dict[str, float]:
    return {
        "tokens_per_s": rate,
        "tokens_per_s_min": 0.99 * rate,
        "tokens_per_s_max": 1.01 * rate,
    }


@pytest.mark.parametrize(
    ("chosen", "dense_of_chosen", "rate", "verdict"),
    [
        (1.20, 1.30, 120, "SUPPORTED"),
        (1.20, 1.22, 120, "REFUTED"),  # best by the FLOPs of a fuller capacity
        (1.28, 1.45, 120, "REFUTED"),  # most ahead of dense, and yet not best
        (1.20, 1.30, 80, "REFUTED"),  # best, and slow
    ],
)
def test_c15_is_best_with_and_without_the_flops_and_fastest(
    world, chosen, dense_of_chosen, rate, verdict
):
    larger = {"experiment": "larger", "num_experts": 32, "dim": 64}
    for place, strategy in enumerate(CHOOSING):
        world.add(strategy, 1.25 + place / 50, dense_width=128, **larger, **timing(100))
    world.add("expert_choice", chosen, dense_width=256, **larger, **timing(rate))
    for width, mean in [(128, 1.30), (256, dense_of_chosen)]:
        world.add("dense", mean, experiment="larger", dense_width=width, dim=64, audited=False)
    assert judged("C15", world).verdict == verdict


@pytest.mark.parametrize(
    ("biased", "bits_usual", "verdict"),
    [
        (0.2, 1.20, "SUPPORTED"),
        (0.9, 1.20, "REFUTED"),  # surely evener, and far from even
        (0.2, 1.10, "REFUTED"),  # worse than the loss that it replaces
    ],
)
def test_c31_is_even_in_itself_and_no_worse_than_the_loss(world, biased, bits_usual, verdict):
    usual = {"experiment": "balance", "bias_rate": 0.0, "jitter": 0.0}
    for strategy in ("top1", "softk"):
        world.add(strategy, 1.20, switch_coef=0.0, load_cv=around(1.0), **usual)
        world.add(strategy, bits_usual, switch_coef=0.01, balance_sequences=None, **usual)
        changed = usual | {"bias_rate": 0.001, "switch_coef": 0.0}
        world.add(strategy, 1.20, load_cv=around(biased)[::-1], **changed)
    assert judged("C31", world).verdict == verdict


@pytest.mark.parametrize(
    ("dead", "revived", "verdict"),
    [
        ([2.0, 2.5, 2.0, 1.5, 2.0], [0.5, 0.0, 0.5, 0.5, 0.0], "SUPPORTED"),
        ([2.0, 2.5, 2.0, 1.5, 2.0], [2.5, 2.0, 1.5, 2.0, 2.0], "INCONCLUSIVE"),
        ([0.0] * 5, [0.0] * 5, "NOT TESTABLE"),  # nothing died, so nothing was prevented
    ],
)
def test_c41_needs_experts_that_die(world, dead, revived, verdict):
    off = {"experiment": "balance", "switch_coef": 0.0, "bias_rate": 0.0}
    for strategy in ("top1", "softk"):
        world.add(strategy, jitter=0.0, dead_experts=dead, **off)
        world.add(strategy, jitter=0.1, dead_experts=revived, **off)
    ((found, _),) = judge_claims([CLAIMS["C41"]], world.evidence, smoke=False)
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("softk", "softk_pre", "verdict"),
    [
        (1.25, 1.25, "SUPPORTED"),
        (1.25, 1.20, "REFUTED"),  # the gates were better, and not the chain
        (1.20, 1.25, "REFUTED"),
        (1.25, None, "NOT TESTABLE"),
    ],
)
def test_c30_is_against_either_gate(world, softk, softk_pre, verdict):
    # raw, the chain is the worst: its dense model is narrower
    world.add("coe", 1.30, dense_width=128)
    for strategy, mean in [("softk", softk), ("softk_pre", softk_pre)]:
        if mean is not None:
            world.add(strategy, mean, dense_width=256)
    dense(world, w128=1.40, w256=1.30)
    assert judged("C30", world).verdict == verdict
