"""Which runs an arm is, and why it may be none."""

import pandas as pd
import pytest

from moe_core.claims.arms import Arm
from moe_core.claims.evidence import Evidence, UntestableError

SOFTK = Arm(experiment="unified", strategy="softk")


def test_filters_leave_one_cell(world):
    for factor in (1.0, 1.25):
        world.add("softk", capacity_factor=factor).add("hash", capacity_factor=factor)
    chosen = world.evidence.runs(SOFTK.model_copy(update={"capacity_factor": 1.0}))
    assert {*chosen.strategy} == {"softk"}
    assert {*chosen.capacity_factor} == {1.0}
    assert [*chosen.index] == [0, 1, 2, 3, 4]
    with pytest.raises(UntestableError, match="10 runs for one arm, softk"):
        world.evidence.runs(SOFTK)
    # not even where each cell has seeds of its own
    world.add("top1", jitter=0.0, seeds=(0, 1)).add("top1", jitter=0.1, seeds=(2, 3))
    with pytest.raises(UntestableError, match="4 runs for one arm, top1"):
        world.evidence.runs(Arm(experiment="unified", strategy="top1"))


def test_extremes_are_of_what_the_values_leave_and_in_the_order_of_fields(world):
    # wider models have no balance loss in common with the narrow ones
    for dim, coefficient, jitter in [
        (64, 0.0, 0.0),
        (64, 0.1, 0.0),
        (64, 0.1, 0.2),
        (128, 1.0, 0.0),
    ]:
        world.add("softk", dim=dim, switch_coef=coefficient, jitter=jitter)
    world.add("hash", dim=32, switch_coef=9.0, jitter=9.0)

    def found(**extremes):
        rows = world.evidence.runs(SOFTK.model_copy(update=extremes))
        return tuple(rows[["dim", "switch_coef", "jitter"]].iloc[0])

    assert found(dim="smallest", switch_coef="smallest") == (64, 0.0, 0.0)
    assert found(dim="smallest", switch_coef="largest", jitter="largest") == (64, 0.1, 0.2)
    assert found(dim="smallest", switch_coef="largest", jitter="smallest") == (64, 0.1, 0.0)
    assert found(switch_coef="largest") == (128, 1.0, 0.0)


def test_the_whole_batch_is_an_empty_cell(world):
    world.add("softk", balance_sequences=1.0).add("softk", balance_sequences=float("nan"))
    whole, one = (
        world.evidence.runs(SOFTK.model_copy(update={"balance_sequences": scope}))
        for scope in ("batch", 1)
    )
    assert whole.balance_sequences.isna().all()
    assert (one.balance_sequences == 1).all()


def test_a_seed_that_ran_twice_is_refused(world):
    world.add("softk", seeds=(0, 1, 1))
    with pytest.raises(UntestableError, match="3 runs for one arm"):
        world.evidence.runs(SOFTK)


def test_what_is_missing_is_named(world):
    world.add("softk", drop_rate=[0.1, 0.2, None, 0.1, 0.1])
    evidence = world.evidence
    for arm, reason in [
        (Arm(experiment="larger", strategy="softk"), "no results of the experiment larger"),
        (Arm(experiment="unified", strategy="top1"), "no run of top1 .unified."),
        (SOFTK.model_copy(update={"jitter": 0.1}), "no column jitter in the experiment unified"),
    ]:
        with pytest.raises(UntestableError, match=reason):
            evidence.runs(arm)
    with pytest.raises(UntestableError, match="gini of softk .unified. was not measured"):
        evidence.values(SOFTK, "gini")
    with pytest.raises(UntestableError, match="softk .unified. has no drop_rate on seeds 2"):
        evidence.values(SOFTK, "drop_rate")
    lost = evidence.summaries["unified"].run.iloc[2]
    some = {run: stories for run, stories in evidence.stories.items() if run != lost}
    with pytest.raises(UntestableError, match=f"no stories of {lost}"):
        Evidence(evidence.summaries, some, evidence.audits).nats(SOFTK)


def test_an_arm_is_as_good_as_its_audits(world):
    world.add("softk").add("top1", audited=False).add("dense", audited=False)
    world.add("softk", experiment="balance", audited=False)
    evidence = world.evidence
    assert len(evidence.runs(SOFTK)) == 5
    # no router, nothing to audit; another cell of an audited strategy
    assert len(evidence.runs(Arm(experiment="unified", strategy="dense"))) == 5
    assert len(evidence.runs(Arm(experiment="balance", strategy="softk"))) == 5
    with pytest.raises(UntestableError, match="top1 was not audited"):
        evidence.runs(Arm(experiment="unified", strategy="top1"))
    cell = evidence.summaries["unified"].cell.iloc[0]
    world.audit("another", "softk", passed=False)
    assert len(world.evidence.runs(SOFTK)) == 5
    with pytest.raises(UntestableError, match="softk failed the audit suffix .skewed"):
        world.evidence.runs(Arm(experiment="balance", strategy="softk"))
    world.audit(cell, "softk", declared=False, passed=False)
    assert len(world.evidence.runs(SOFTK)) == 5
    world.audit(cell, "softk", passed=False)
    with pytest.raises(UntestableError, match="softk failed the audit"):
        world.evidence.runs(SOFTK)


def test_failed_runs_are_no_evidence_and_named(world):
    arm = SOFTK.model_copy(update={"minus_dense": True})
    world.add("softk", 1.3).add("dense", 1.1, audited=False).fail("softk", 2).fail("dense", 0)
    evidence = world.evidence
    assert [*evidence.runs(SOFTK).index] == [0, 1, 3, 4]
    assert {*evidence.values(arm, "bits_per_byte")} == {1, 3, 4}
    assert [*evidence.nats(arm).index] == [1, 3, 4]
    assert [*evidence.failed(arm).values()] == [
        "softk seed 2 (divergence at step 8)",
        "dense seed 0 (divergence at step 8)",
    ]
    with pytest.raises(UntestableError, match="3 runs for one arm"):  # failed or not
        world.add("top1", seeds=(0, 1, 1)).fail("top1", 1).evidence.runs(
            Arm(experiment="unified", strategy="top1")
        )


def test_an_arm_whose_audited_run_failed_rests_on_other_cells_or_none(world):
    world.add("softk", audited=False)
    cell = world.evidence.summaries["unified"].cell.iloc[0]
    world.audit(cell, "softk", declared=False, passed=False)
    world.audits[-1]["not_audited"] = "divergence at step 8: 9 nats"
    with pytest.raises(UntestableError, match="softk was not audited: divergence at step 8$"):
        world.evidence.runs(SOFTK)
    world.audit("another", "softk")
    assert len(world.evidence.runs(SOFTK)) == 5


def test_audit_flags_may_be_empty_where_nothing_is_declared(world):
    world.add("softk")
    evidence = world.evidence
    audits = evidence.audits.astype(object)
    cell = audits.cell.iloc[0]
    undeclared = audits.assign(declared=None, passed=None, cell=cell)
    both = Evidence(evidence.summaries, evidence.stories, pd.concat([audits, undeclared]))
    assert len(both.runs(SOFTK)) == 5
    unknown = audits.assign(passed=None)
    with pytest.raises(UntestableError, match="failed"):
        Evidence(evidence.summaries, evidence.stories, unknown).runs(SOFTK)


def test_the_dense_model_of_an_arm_has_its_width_and_dimension(world):
    arm = SOFTK.model_copy(update={"minus_dense": True})
    world.add("softk", 1.3, noise=0.0, dense_width=256)
    for width, dim, bits in [(256, 128, 1.2), (128, 128, 1.1), (256, 64, 1.0)]:
        world.add("dense", bits, noise=0.0, dense_width=width, dim=dim, audited=False)
    values = world.evidence.values(arm, "bits_per_byte")
    assert values == pytest.approx(dict.fromkeys(range(5), 0.1))
    nats = world.evidence.nats(arm)
    assert nats.shape == (5, len(world.bytes_N))
    assert nats.sum(axis=1).to_numpy() == pytest.approx(0.1 * 0.6931472 * world.bytes_N.sum())


def test_stories_that_differ_between_runs_are_not_compared(world):
    world.add("softk")
    run = next(iter(world.stories))
    world.stories[run] = world.stories[run].iloc[1:]
    with pytest.raises(UntestableError, match="different stories"):
        world.evidence.nats(SOFTK)
