"""A run from end to end, and what is derived from its readings."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
import torch

from moe_core.corpus.batches import EvaluationWindows, TokenCorpus
from moe_core.measure.specialisation import specialisation
from moe_core.model.transformer import Transformer
from moe_core.training.config import TrainingConfig
from moe_core.training.loop import Trainer, measure, train
from moe_core.training.run import TrainedRun, specialised, train_run, with_saturation
from tests.conftest import HONEST
from tests.training.conftest import COUNTS, TRAIN, VALID, corpus

ModelOf = Callable[..., Transformer]
ConfigOf = Callable[..., TrainingConfig]
CORPUS = TokenCorpus({"train": TRAIN, "valid": VALID, "test": corpus(5, 40)}, COUNTS, {})


def trained(model_of: ModelOf, config_of: ConfigOf, strategy: str | None) -> TrainedRun:
    model = model_of(strategy, capacity_factor=0.5).config
    return train_run("name", model, config_of(), 0, "cpu", CORPUS)


@pytest.mark.parametrize("strategy", [None, *HONEST])
def test_a_run_measures_each_story_of_its_test_split(
    model_of: ModelOf, config_of: ConfigOf, strategy: str | None
) -> None:
    run = trained(model_of, config_of, strategy)
    stories, test = run.stories, run.test
    assert stories.keys() == {"story", "bytes", "nats", "nats_train_mode"}
    assert stories["story"].tolist() == [*range(test["stories"])]
    assert (
        stories["bytes"].tolist()
        == CORPUS.splits["test"].bytes_per_story[: test["stories"]].tolist()
    )
    assert stories["bytes"].sum() == test["bytes"]
    bits = stories["nats"].sum() / np.log(2) / test["bytes"]
    assert bits == pytest.approx(test["bits_per_byte"], rel=1e-12)
    tokens = CORPUS.splits["test"].tokens_per_story[: test["stories"]].sum()
    assert stories["nats"].sum() / tokens == pytest.approx(test["loss"], rel=1e-12)
    if strategy:
        bits = stories["nats_train_mode"].sum() / np.log(2) / test["bytes"]
        assert bits == pytest.approx(test["bits_per_byte_train_mode"], rel=1e-12)
    leaks = strategy in ("expert_choice", "sinkhorn")
    assert np.array_equal(stories["nats"], stories["nats_train_mode"]) == (not leaks)
    assert [row["step"] for row in run.rows] == [5, 10, 12]


def test_saturation_is_the_overlap_with_the_final_choices(
    model_of: ModelOf, config_of: ConfigOf, windows: EvaluationWindows
) -> None:
    trainer = Trainer(model_of("softk"), TRAIN.tokens, config_of(learning_rate=3e-2), 0, "cpu")
    rows: list[dict[str, float]] = []
    seen: list[torch.Tensor] = []

    def report(row: dict[str, float], _: float) -> None:
        """Choices of the first batch, by the router as it is now."""
        rows.append(row)
        seen.append(torch.stack([r.routing.dense_TE() > 0 for r in routed(trainer, windows)]))

    choices = train(trainer, windows, report)
    assert len(choices) == len(rows) == 3
    for chosen_LTE, expected_LTE in zip(choices, seen, strict=True):
        assert torch.equal(chosen_LTE, expected_LTE)
    shares = [row["router_saturation"] for row in with_saturation(rows, choices)]
    for share, chosen_LTE in zip(shares, seen, strict=True):
        assert share == pytest.approx(float((chosen_LTE & seen[-1]).sum()) / (2 * 128 * 2))
    assert shares[0] < shares[-1] == 1


@torch.no_grad()
def routed(trainer: Trainer, windows: EvaluationWindows) -> list:
    """Decisions over the first batch, dropless so that all choices can be read."""
    from moe_core.model.moe_layer import DROPLESS

    return trainer.model(windows.inputs_NS[:4], DROPLESS)[1]


@pytest.mark.parametrize("strategy", HONEST)
def test_saturation_ends_at_one(model_of: ModelOf, config_of: ConfigOf, strategy: str) -> None:
    rows = trained(model_of, config_of, strategy).rows
    assert rows[-1]["router_saturation"] == 1
    assert all(0 <= row["router_saturation"] <= 1 for row in rows)


def test_a_dense_model_has_no_router_to_saturate(model_of: ModelOf, config_of: ConfigOf) -> None:
    rows = trained(model_of, config_of, None).rows
    assert not any("router_saturation" in row for row in rows)


@pytest.mark.parametrize("strategy", ["softk", "hash", "coe"])
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
