"""A run from end to end, and what is derived from its readings."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
import torch

from moe_core.corpus.batches import EvaluationWindows, TokenCorpus
from moe_core.measure.specialisation import specialisation
from moe_core.model.transformer import Transformer, build
from moe_core.training.config import TrainingConfig
from moe_core.training.loop import Trainer, measure, train
from moe_core.training.run import specialised, train_run, with_saturation
from tests.training.conftest import COUNTS, TRAIN, VALID, corpus

ModelOf = Callable[..., Transformer]
ConfigOf = Callable[..., TrainingConfig]
CORPUS = TokenCorpus({"train": TRAIN, "valid": VALID, "test": corpus(5, 40)}, COUNTS, {})


@pytest.mark.parametrize("strategy", [None, "coe", "expert_choice", "sinkhorn", "remoe"])
def test_a_run_measures_each_story_of_its_test_split(
    model_of: ModelOf, config_of: ConfigOf, strategy: str | None
) -> None:
    model = model_of(strategy, capacity_factor=0.5).config
    run = train_run("name", model, config_of(), 0, "cpu", CORPUS)
    stories, test, split = run.stories, run.test, CORPUS.splits["test"]
    whole = slice(test["stories"])
    assert stories.keys() == {"story", "bytes", "nats", "nats_train_mode"}
    assert stories["story"].tolist() == [*range(test["stories"])]
    assert np.array_equal(stories["bytes"], split.bytes_per_story[whole])
    assert stories["bytes"].sum() == test["bytes"]
    bits = stories["nats"].sum() / np.log(2) / test["bytes"]
    assert bits == pytest.approx(test["bits_per_byte"], rel=1e-12)
    tokens = split.tokens_per_story[whole].sum()
    assert stories["nats"].sum() / tokens == pytest.approx(test["loss"], rel=1e-12)
    leaks = strategy in ("expert_choice", "sinkhorn")
    assert np.array_equal(stories["nats"], stories["nats_train_mode"]) == (not leaks)

    assert [row["step"] for row in run.rows] == [5, 10, 12]
    if strategy is None:
        assert not any("router_saturation" in row for row in run.rows)
        return
    bits = stories["nats_train_mode"].sum() / np.log(2) / test["bytes"]
    assert bits == pytest.approx(test["bits_per_byte_train_mode"], rel=1e-12)
    saturation = [row["router_saturation"] for row in run.rows]
    assert 0 <= min(saturation) <= max(saturation) == saturation[-1] == 1


def test_a_run_learns_from_its_training_split_and_its_seed(
    model_of: ModelOf, config_of: ConfigOf
) -> None:
    model = model_of("hash", drop_policy="random").config  # a rule that reads counts_V
    run = train_run("name", model, config_of(), 3, "cpu", CORPUS)
    trainer = Trainer(build(model, COUNTS, 3), TRAIN.tokens, config_of(), 3, "cpu")
    for step in range(12):
        trainer.step(step)
    expected = trainer.model.state_dict()
    assert run.model.state_dict().keys() == expected.keys()
    assert all(torch.equal(w, expected[name]) for name, w in run.model.state_dict().items())


def test_saturation_is_the_overlap_with_the_final_choices(
    model_of: ModelOf, config_of: ConfigOf, windows: EvaluationWindows
) -> None:
    model, config = model_of("softk", drop_policy="none"), config_of(learning_rate=3e-2)
    trainer = Trainer(model, TRAIN.tokens, config, 0, "cpu")
    rows: list[dict[str, float]] = []
    seen: list[torch.Tensor] = []

    def report(row: dict[str, float], _: float) -> None:
        """Choices of the first batch, by the router as it is now."""
        rows.append(row)
        layers = model(windows.inputs_NS[:4])[1]
        seen.append(torch.stack([layer.routing.dense_TE() > 0 for layer in layers]))

    choices = train(trainer, windows, report).choices
    assert len(choices) == len(rows) == 3
    for chosen_LTE, expected_LTE in zip(choices, seen, strict=True):
        assert torch.equal(chosen_LTE, expected_LTE)
    shares = [row["router_saturation"] for row in with_saturation(rows, choices)]
    for share, chosen_LTE in zip(shares, seen, strict=True):
        assert share == pytest.approx(float((chosen_LTE & seen[-1]).sum()) / (2 * 128 * 2))
    assert shares[0] < shares[-1] == 1


@pytest.mark.parametrize("strategy", ["softk", "hash"])
def test_specialisation_is_of_token_ids_and_a_mean_over_layers(
    model_of: ModelOf, config_of: ConfigOf, windows: EvaluationWindows, strategy: str
) -> None:
    measured = measure(Trainer(model_of(strategy), TRAIN.tokens, config_of(), 0, "cpu"), windows)
    found = specialised(measured)
    tables = measured.limited.counts_LVE
    assert tables is not None
    layers = [asdict(specialisation(counts_VE)) for counts_VE in tables]
    assert found == {
        f"specialisation_{key}": pytest.approx(sum(layer[key] for layer in layers) / len(layers))
        for key in layers[0]
    }
    if strategy == "hash":  # experts are a function of the id
        assert found["specialisation_p_value"] == pytest.approx(1 / 201)
        assert found["specialisation_mutual_information_nats"] > 0.5


def test_a_dense_model_specialises_in_nothing(
    model_of: ModelOf, config_of: ConfigOf, windows: EvaluationWindows
) -> None:
    trainer = Trainer(model_of(None), TRAIN.tokens, config_of(), 0, "cpu")
    assert specialised(measure(trainer, windows)) == {}
