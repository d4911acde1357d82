"""What commands derive from the runs, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from moe_core.corpus.tokenization import character_tokenizer
from moe_core.errors import StudyError
from moe_core.routing import registry
from moe_core.routing.slots import random_drop_law
from tests.conftest import moe_of
from workflow_scripts.aggregate import (
    IDENTITY,
    OVER_SEEDS,
    PER_SHAPE,
    Stories,
    cell_row,
    dense_twins,
)
from workflow_scripts.learning_rate_choice import choice
from workflow_scripts.summary import drop_excess, learning, same_machine
from workflow_scripts.tokenizer import refuse_lossy

ARM = ["strategy", "ffn_hidden"]  # names one


def test_steps_to_what_the_narrowest_dense_model_reads_half_way():
    columns = ("strategy", "ffn_hidden", "tokens", "dim", "seed", "steps")
    rows = pd.DataFrame(
        [
            ("softk", 64, "text", 64, 0, 40),
            ("top1", 64, "text", 64, 0, 40),
            ("hash", 64, "text", 64, 0, 40),
            ("dense", 64, "text", 64, 0, 40),  # half-way: 2.0
            ("dense", 128, "text", 64, 0, 40),
            ("softk", 64, "text", 64, 1, 40),
        ],
        columns=columns,
        index=[7, 3, 5, 1, 4, 2],
    )
    bits = [[3, 2.5, 1.5], [4, 3, 2], [4, 3.5, 3], [2.5, 2, 1.8], [1.9, 1.5, 1], [3, 2, 2.5]]
    saturation = (0.2, 0.6, 1.0)
    metrics = [
        pd.DataFrame({"step": (10, 20, 40), "bits_per_byte": b, "router_saturation": saturation})
        for b in bits
    ]
    rows["status"] = "finished"
    found = learning(dict(zip(rows.index, metrics, strict=True)), rows)
    assert found.index.tolist() == rows.index.tolist()
    assert found.valid_bits_per_byte.tolist() == [1.5, 2.0, 3.0, 1.8, 1.0, 2.5]
    # half-way from 2.5 to 1.5; the end; never; itself; by the first look; no dense of its seed
    expected = [30.0, 40.0, np.nan, 20.0, 10.0, np.nan]
    np.testing.assert_allclose(found.steps_to_target, expected)
    assert (found.router_saturation_halfway == 0.6).all()


def test_no_target_where_the_narrowest_dense_run_failed():
    columns = ("strategy", "ffn_hidden", "tokens", "dim", "seed", "steps")
    rows = pd.DataFrame(
        [
            ("softk", 64, "text", 64, 0, 40),
            ("dense", 64, "text", 64, 0, 40),
            ("dense", 128, "text", 64, 0, 40),
            ("top1", 64, "text", 64, 0, 40),
        ],
        columns=columns,
    )
    curve = pd.DataFrame({"step": (20, 40), "bits_per_byte": (2.0, 1.0)})
    found = learning({0: curve, 2: curve}, rows)  # 1 and 3 failed
    assert found.index.tolist() == [0, 2]
    assert found.valid_bits_per_byte.tolist() == [1.0, 1.0]
    assert found.steps_to_target.isna().all()  # not those of the wider one
    assert learning({}, rows).empty


def test_random_choices_drop_nothing_in_excess():
    moe, size = moe_of("softk", num_experts=8, top_k=2, capacity_factor=1.0), 64
    rng = np.random.default_rng(0)
    chosen = rng.random((2000, size, 8)).argsort(-1)[..., :2]
    load = (chosen[..., None] == np.arange(8)).sum((1, 2))
    drop_rate = np.maximum(load - 16, 0).sum() / load.sum()  # 2 * 64 / 8 slots
    assert drop_rate > 0.05

    def excess(rate: float, strategy: str = "softk", **changes: object) -> float | None:
        changed = moe.model_copy(update=changes)
        return drop_excess({"drop_rate": rate}, changed, size, registry.declaration(strategy))

    assert excess(drop_rate) == pytest.approx(0, abs=0.002)
    assert excess(0.5) == pytest.approx(0.5 - drop_rate, abs=0.002)
    for strategy in ("expert_choice", "remoe", "as_published_softk"):
        assert excess(0.0, strategy) is None  # no capacity, or another group
    assert excess(0.0, drop_policy="none") is None


def test_experts_one_after_another_have_a_capacity_each():
    moe = moe_of("coe", num_experts=8, top_k=2, capacity_factor=1.0)
    found = drop_excess({"drop_rate": 0.5}, moe, 64, registry.declaration("coe"))
    assert found == pytest.approx(0.5 - random_drop_law(8, 64, 1, 8))


def test_a_learning_rate_is_chosen_by_the_validation_stories_of_all_seeds():
    rates = [0.002, 0.001, 0.004] * 2
    valid = [2.0, 2.3, 1.9, 2.0, 2.2, 2.3]  # means 2.0, 2.25 and 2.1
    arm = pd.DataFrame({"learning_rate": rates, "valid_bits_per_byte": valid})
    arm = arm.assign(strategy="softk", ffn_hidden=64, steps=40, seed=[7] * 3 + [8] * 3)
    arm = arm.assign(status="finished", failure=None)
    arm["bits_per_byte"] = [2.0, 1.0, 2.0] * 2  # the test stories would choose another
    found = choice(arm, [1.0, 2.0, 4.0], ARM)
    assert (found["learning_rate"], found["best_learning_rate"]) == (0.001, 0.002)
    assert found["regret_bits_per_byte"] == pytest.approx(0.25)
    assert not found["best_on_edge"]
    assert found["tuning_seeds"] == 2
    assert choice(arm[arm.seed == 7], [1.0, 2.0, 4.0], ARM)["best_on_edge"]
    assert found["failures"] == ""


def test_a_rate_at_which_a_seed_failed_is_not_chosen():
    arm = pd.DataFrame({"learning_rate": [0.001, 0.002, 0.004] * 2, "seed": [7] * 3 + [8] * 3})
    arm["valid_bits_per_byte"] = [2.0, 1.9, 1.0, 2.1, 2.3, np.nan]  # the survivor would be best
    arm = arm.assign(strategy="softk", ffn_hidden=64, steps=40, status="finished", failure=None)
    arm.loc[5, ["status", "failure"]] = ["failed", "divergence at step 8: 9 nats"]
    found = choice(arm, [0.5, 1.0, 2.0], ARM)
    assert found["best_learning_rate"] == 0.001
    assert found["best_valid_bits_per_byte"] == pytest.approx(2.05)
    assert found["failures"] == "rate 0.004, seed 8: divergence at step 8"
    every = arm.assign(
        status="failed", failure="divergence at step 8: 9", valid_bits_per_byte=np.nan
    )
    assert np.isnan(choice(every, [0.5, 1.0, 2.0], ARM)["best_learning_rate"])


def test_a_dense_twin_has_the_seed_text_size_and_steps():
    columns = ["run", "strategy", "ffn_hidden", "dense_width", "dim", "tokens", "steps", "seed"]
    same = ("dense", 128, 128, 64, "text", 40)
    runs = pd.DataFrame(
        [
            *[(f"twin {seed}", *same, seed) for seed in (0, 1)],
            ("narrow", "dense", 64, 64, 64, "text", 40, 0),
            ("small", "dense", 128, 128, 32, "text", 40, 0),
            ("other text", "dense", 128, 128, 64, "words", 40, 0),
            ("short", "dense", 128, 128, 64, "text", 20, 0),
            *[(f"softk {seed}", "softk", 64, 128, 64, "text", 40, seed) for seed in (0, 1, 2)],
        ],
        columns=columns,
    )
    runs["status"] = "finished"
    runs.loc[runs.run.isin(["softk 0", "small"]), "status"] = "failed"
    cell = runs[runs.strategy == "softk"]
    twins = dense_twins(runs, cell)
    assert twins[["run", "run_dense"]].to_numpy().tolist() == [
        ["softk 0", "twin 0"],
        ["softk 1", "twin 1"],
    ]
    assert twins.failed.tolist() == [True, False]
    again = pd.DataFrame([("tuned", *same, 1)], columns=columns).assign(status="failed")
    assert dense_twins(pd.concat([runs, again]), cell).empty


def test_means_and_pairs_are_of_the_seeds_that_finished(tmp_path):
    settings = dict.fromkeys([*IDENTITY, *PER_SHAPE, *OVER_SEEDS], 1.0) | {"tokens": "text"}
    reason = "divergence at step 8: 9 nats"
    rows = []
    for strategy, bits in (("softk", (1.0, 3.0, 5.0)), ("dense", (0.5, 1.5, 2.0))):
        for seed, mean in enumerate(bits):
            run = f"{strategy}-{seed}"
            lost = run in ("softk-2", "dense-1")
            state = {
                "status": "failed" if lost else "finished",
                "failure": reason if lost else None,
            }
            row = {"cell": strategy, "strategy": strategy, "run": run, "seed": seed, **state}
            rows.append(settings | row | {"load_cv": np.nan if lost else 10.0**seed})
            nats = np.log(2) * mean * np.array([300.0, 500.0])
            stories = {"bytes": [300, 500], "nats": nats, "nats_train_mode": nats}
            (tmp_path / run).mkdir()
            table = pd.DataFrame(stories).iloc[: 0 if lost else None]
            table.to_csv(tmp_path / run / "stories.csv", index=False)
    runs = pd.DataFrame(rows)
    softk = cell_row(runs, "softk", runs[runs.strategy == "softk"], Stories(tmp_path))
    assert (softk["n"], softk["n_failed"]) == (2, 1)
    assert softk["failures"] == "seed 2: divergence at step 8"
    assert softk["bits_per_byte"] == pytest.approx(2.0)
    assert softk["load_cv"] == 5.5
    assert softk["bits_per_byte_minus_dense"] == pytest.approx(0.5)  # seed 0 alone has both
    assert softk["bits_per_byte_minus_dense_n"] == 1
    assert softk["bits_per_byte_minus_dense_n_failed"] == 2
    runs.loc[runs.strategy == "softk", ["status", "failure"]] = ["failed", reason]
    none = cell_row(runs, "softk", runs[runs.strategy == "softk"], Stories(tmp_path))
    assert (none["n"], none["n_failed"]) == (0, 3)
    assert {"bits_per_byte", "load_cv", "tokens_per_s", "bits_per_byte_minus_dense"}.isdisjoint(
        none
    )


def test_rates_of_two_machines_do_not_stand_side_by_side():
    two, four = ({"process": {"threads": n}} for n in (2, 4))
    same_machine([two, dict(two)])
    with pytest.raises(StudyError, match='throughput: timed under 2 settings: .*"threads": 4'):
        same_machine([two, four])


def test_a_tokenizer_that_loses_text_is_refused():
    stories = ["The Fox ran.", "It was happy."]
    refuse_lossy(character_tokenizer(stories), stories, "exact")
    lower = character_tokenizer([s.lower() for s in stories])
    lower.normalizer = normalizers.Lowercase()
    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    for tokenizer in (lower, words):
        with pytest.raises(StudyError, match="tokenizer.pretrained.name: 'bad' loses text"):
            refuse_lossy(tokenizer, stories, "bad")
