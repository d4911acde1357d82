"""Exported runs against transformers itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from moe_core.corpus.batches import evaluation_windows, open_corpus
from moe_core.errors import StudyError
from moe_core.export.export_run import export_run
from moe_core.finished_run import finished_model
from moe_core.model.moe_layer import CAUSAL
from moe_core.model.transformer import KVCache, Transformer
from moe_core.runs import RunSpec, run_id
from tests.export.conftest import row, write_summary

Trained = Callable[[RunSpec], tuple[str, Transformer]]

BIASED = {"bias_rate": 0.02, "num_experts": 8}
ROWS = {
    "softk": row("softk", num_experts=8),
    "softk, head of its own": row("softk", {"tied_head": False}),
    "noisy_topk": row("noisy_topk"),
    "gshard": row("gshard"),
    "frozen_router": row("frozen_router"),
    "as_published_softk": row("as_published_softk"),
    "as_published_expert_choice": row("as_published_expert_choice"),
    "as_published_top1": row("as_published_top1"),
    "topk_hard of one": row("topk_hard", top_k=1),
    "softk_pre": row("softk_pre", num_experts=8, top_k=3, jitter=0.1),
    "top1": row("top1"),
    "loss_free": row("loss_free", **BIASED),
    "loss_free, shared": row("loss_free", **BIASED, shared_hidden=32),
    "loss_free, no bias": row("loss_free"),
    "sinkhorn": row("sinkhorn", bias_rate=0.02),
    "dense": row(None),
}
CLASSES = ("softk", "softk_pre", "loss_free, shared")


def story_ids(results: Path, spec: RunSpec) -> Tensor:
    """Some test stories."""
    split = open_corpus(results / "tokens" / spec.tokens).splits["test"]
    return evaluation_windows(split, spec.training.seq_len, 256, "test").inputs_NS


@pytest.fixture
def exported(
    results: Path, trained: Trained, tmp_path: Path
) -> Callable[[str], tuple[Path, RunSpec, Transformer]]:
    """Folder, row and model of one of ROWS."""

    def export(name: str) -> tuple[Path, RunSpec, Transformer]:
        run, model = trained(ROWS[name])
        export_run(run, results, tmp_path / "exported")
        return tmp_path / "exported", ROWS[name], model

    return export


@torch.no_grad()
def greedy(model: Transformer, ids: list[int], count: int) -> list[int]:
    """What the bench's own model continues with, a token at a time."""
    cache, generated = KVCache(), []
    token_id_BS = torch.tensor([ids])
    for _ in range(count):
        logits_BSV = model(token_id_BS, CAUSAL, cache=cache)[0]
        token_id_BS = logits_BSV[:, -1:].argmax(-1)
        generated.append(int(token_id_BS))
    return generated


@pytest.mark.parametrize("name", ROWS)
def test_logits_are_those_of_the_bench(name: str, exported: Any, results: Path) -> None:
    folder, spec, model = exported(name)
    theirs, loaded = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loaded.values()), loaded
    token_id_BS = story_ids(results, spec)
    with torch.no_grad():
        ours_BSV = model(token_id_BS, CAUSAL)[0]
        theirs_BSV = theirs(token_id_BS).logits
    assert ours_BSV.std() > 0.5  # it has learnt something
    assert (theirs_BSV - ours_BSV).abs().max() < 1e-5


@pytest.mark.parametrize("name", CLASSES)
def test_transformers_generates_what_the_bench_does(name: str, exported: Any) -> None:
    folder, _, model = exported(name)
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    read = AutoTokenizer.from_pretrained(folder)("The fox", return_tensors="pt")
    new = theirs.generate(**read, max_new_tokens=30)[0, read.input_ids.shape[1] :].tolist()
    assert new == greedy(model, read.input_ids[0].tolist(), 30)[: len(new)]
    assert len(set(new)) > 2


def test_generation_stops_at_the_separator(exported: Any) -> None:
    folder, _, _ = exported("softk")
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = tokenizer("The fox", return_tensors="pt")
    first = read.input_ids.shape[1]
    new = theirs.generate(**read, max_new_tokens=12)[0, first:].tolist()
    # where the head would say the last of these, it says the separator
    head_VD = theirs.lm_head.weight.data
    last, end = new[-1], tokenizer.eos_token_id
    head_VD[[last, end]] = head_VD[[end, last]]
    stopped = theirs.generate(**read, max_new_tokens=12)[0, first:].tolist()
    assert stopped == [*new[: new.index(last)], end]


@pytest.mark.parametrize("name", CLASSES)
def test_a_batch_padded_on_the_left_is_each_alone(name: str, exported: Any) -> None:
    folder, _, _ = exported(name)
    theirs, tokenizer = (
        auto.from_pretrained(folder) for auto in (AutoModelForCausalLM, AutoTokenizer)
    )
    texts = ["The fox ran", "A", "Every one of the hares "]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    assert batch.attention_mask[1].tolist()[:2] == [0, 0]
    together = theirs.generate(**batch, max_new_tokens=16)[:, batch.input_ids.shape[1] :]
    for text, new in zip(texts, together.tolist(), strict=True):
        alone = tokenizer(text, return_tensors="pt")
        ids = theirs.generate(**alone, max_new_tokens=16)[0, alone.input_ids.shape[1] :].tolist()
        assert new[: len(ids)] == ids


def test_the_tokenizer_is_that_of_the_run_and_begins_a_story(exported: Any) -> None:
    folder, _, _ = exported("softk")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "Then <unk> the sun, it rained.\n\nŁódź"
    ids = tokenizer(text).input_ids
    assert ids[0] == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert len(ids) == 1 + len(text)  # every character is a token, of an unknown one too
    known = text.replace("<unk>", "him")
    assert tokenizer.decode(tokenizer(known).input_ids, skip_special_tokens=True) == known
    assert tokenizer.model_max_length == 64


def test_the_same_run_gives_the_same_bytes(results: Path, trained: Trained, tmp_path: Path) -> None:
    run, _ = trained(ROWS["loss_free"])
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        export_run(run, results, folder)
    files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    assert files[0] == files[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_the_card_tells_what_was_measured(exported: Any, results: Path) -> None:
    folder, spec, _ = exported("softk")
    card = (folder / "README.md").read_text()
    summary, _ = finished_model(run_id(spec), results)
    for word in (run_id(spec), repr(summary["test"]["bits_per_byte"]), "MixtralForCausalLM"):
        assert word in card
    assert "capacity factor of 1 (drop policy position)" in card


def test_nothing_is_left_of_an_export_that_fails(
    results: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = trained(ROWS["softk"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StudyError, match="new: cannot be written: No space left on device"):
        export_run(run, results, tmp_path / "new")
    assert not [*tmp_path.iterdir()]


def test_a_folder_in_use_is_left_alone(results: Path, trained: Trained, tmp_path: Path) -> None:
    run, _ = trained(ROWS["softk"])
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StudyError, match="holds something already; remove it or name another"):
        export_run(run, results, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", [".", "link"])
def test_an_empty_folder_is_filled_where_it_is(
    name: str, results: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = trained(ROWS["softk"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/link").symlink_to(tmp_path / "target")
    (tmp_path / "target").mkdir()
    monkeypatch.chdir(tmp_path / ("target" if name == "." else "empty"))
    export_run(run, results, Path(name))
    assert (tmp_path / "target/config.json").is_file()
    assert (tmp_path / "empty/link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "target"]


def test_a_run_that_failed_or_is_not_there_is_refused(results: Path, tmp_path: Path) -> None:
    spec = row("softk", num_experts=5)
    failure = {"cause": "divergence", "step": 7, "detail": "loss 9 nats"}
    write_summary(results / "runs" / run_id(spec), spec, "failed", None, failure)
    with pytest.raises(StudyError, match="failed: divergence at step 7: loss 9 nats"):
        export_run(run_id(spec), results, tmp_path / "new")
    with pytest.raises(StudyError, match="nobody holds no finished run"):
        export_run("nobody", results, tmp_path / "new")
    assert not (tmp_path / "new").exists()
