"""What is recorded of a model is what its evaluation counts."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models

from moe_core.analysis.record import record, record_nothing, story_of_tokens, token_texts
from moe_core.analysis.recording import not_recorded, read_layers, recorded_texts
from moe_core.corpus.batches import TokenSplit, evaluation_windows
from moe_core.model.moe_layer import TRAINING
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.training.evaluation import evaluate, routing_steps
from tests.audits.conftest import V, trained

LENGTHS = np.array([37, 50, 61, 90])
TEXTS = [chr(ord("a") + i) for i in range(V)]


@pytest.fixture(scope="module")
def split() -> TokenSplit:
    tokens = np.random.default_rng(1).integers(0, V, 1 + LENGTHS.sum()).astype(np.uint16)
    return TokenSplit(tokens, LENGTHS, LENGTHS)


def recorded(strategy: str, split: TokenSplit, path: Path):
    model = trained(strategy).eval()
    windows = evaluation_windows(split, 16, 160, "test")
    story_NS = story_of_tokens(split, windows.inputs_NS.numel()).reshape(windows.inputs_NS.shape)
    steps = routing_steps(model.config.moe)
    draws = Draws(stream(0, "evaluation drops"))
    record(model, windows, story_NS, TEXTS, 4, steps, draws, path)
    return model, windows


@pytest.mark.parametrize("strategy", registry.names())
def test_counts_are_those_of_the_evaluation(strategy, split, tmp_path):
    path = tmp_path / "trained.parquet"
    model, windows = recorded(strategy, split, path)
    reading = evaluate(
        model, windows, 4, nullcontext(), TRAINING, Draws(stream(0, "evaluation drops"))
    )
    (layer,) = read_layers(path, model.config.moe.num_experts)
    assert reading.counts_LVE is not None
    assert (layer.counts(layer.token_T, V) == reading.counts_LVE.sum(0)).all()
    kept_per_token = (~layer.dropped_A).sum() / len(layer.token_T)
    assert kept_per_token == pytest.approx(reading.routing.assignments_per_token)
    assert (layer.token_T == windows.inputs_NS.flatten().numpy()).all()
    assert np.isfinite(layer.weight_A).all()


def test_the_first_expert_has_the_largest_weight(split, tmp_path):
    path = tmp_path / "trained.parquet"
    model, windows = recorded("expert_choice", split, path)
    (layer,) = read_layers(path, model.config.moe.num_experts)
    routed = [model(batch, TRAINING)[1][0].routing for batch in windows.inputs_NS.split(4)]
    dense_TE = np.concatenate([routing.dense_TE().detach().numpy() for routing in routed])
    chosen = dense_TE.max(1) > 0
    assert 0 < chosen.sum() < len(chosen)  # some tokens are nobody's choice
    assert (layer.first_T[chosen] == dense_TE[chosen].argmax(1)).all()
    assert (layer.first_T[~chosen] == model.config.moe.num_experts).all()


def test_a_row_names_its_token_story_and_place(split, tmp_path):
    path = tmp_path / "trained.parquet"
    recorded("softk", split, path)
    rows = pq.read_table(path).to_pandas()
    assert (rows.text == [TEXTS[i] for i in rows.token]).all()
    place = rows.window * 16 + rows.position
    assert (place == np.arange(len(rows))).all()
    ends = LENGTHS.cumsum()
    for story, own in rows.groupby("story"):
        first = 0 if story <= 0 else ends[story - 1]
        assert story == -1 or first < place[own.index].min() <= first + 1
        assert place[own.index].max() <= (ends[story] if story >= 0 else 0)
    assert recorded_texts(path) == {i: TEXTS[i] for i in rows.token.unique()}


def test_of_a_failed_run_there_is_the_reason(tmp_path):
    record_nothing("divergence at step 3: loss 9 nats", tmp_path / "trained.parquet")
    assert not_recorded(tmp_path / "trained.parquet") == "divergence at step 3: loss 9 nats"
    assert list(read_layers(tmp_path / "trained.parquet", 4)) == []


def test_texts_are_those_of_the_tokens():
    tokenizer = Tokenizer(models.BPE(vocab={"<|endoftext|>": 0, "a": 1, "b": 3}, merges=[]))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    assert token_texts(tokenizer) == ["<|endoftext|>", "a", "", "b"]
