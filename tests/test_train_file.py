"""A file of stories is trained on whole, named by its contents, and kept whole or not at all."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from moe_core.__main__ import main
from moe_core.corpus.builtin_stories import builtin_stories
from moe_core.corpus.sources import SEPARATOR
from moe_core.errors import StudyError
from moe_core.inference.trained_run import open_run
from moe_core.runs import RunSpec
from moe_core.train_file import tokens_name, train_file
from moe_core.training.health import SickRun
from tests.export.conftest import row


def spec(**training: Any) -> RunSpec:
    """A row that is trained in a second, of a study that trains in two processes."""
    usual = row("softk")
    changed = usual.training.model_copy(
        update={"steps": 2, "evaluate_every": 2, "valid_tokens": 4096, "test_tokens": 4096}
        | training
    )
    return usual.model_copy(update={"training": changed, "world_size": 2, "expert_parallel": True})


def stories(path: Path, seed: int = 0, count: int = 150) -> Path:
    """A file of them."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(SEPARATOR.join(builtin_stories(seed=seed, count=count)))
    return path


def files(folder: Path) -> list[str]:
    """All below a folder, by path."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_two_files_of_one_name_are_two_runs_and_each_opens(tmp_path: Path) -> None:
    kept = tmp_path / "mine"
    texts = [stories(tmp_path / name / "a.txt", seed) for seed, name in enumerate("xy")]
    runs = [train_file(text, spec(), kept)["run"] for text in texts]
    assert len({*runs}) == 2
    for run, text in zip(runs, texts, strict=True):
        open_run(run, kept)
        told = json.loads((kept / "runs" / run / "summary.json").read_text())["spec"]
        assert told["tokens"] == tokens_name(text)
        assert (told["world_size"], told["expert_parallel"]) == (1, False)
    before = files(kept)
    assert not [name for name in before if name.startswith(".")]
    assert train_file(texts[0], spec(), kept)["run"] == runs[0]
    assert files(kept) == before


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a b{c}", "abc"), ("Łódź-1.2_x", "d-1.2_x"), ("..hidden", "hidden"), ("雨", "text")],
)
def test_a_name_keeps_what_a_rule_can_hold(tmp_path: Path, name: str, stem: str) -> None:
    path = tmp_path / f"{name}.txt"
    path.write_text("x")
    assert tokens_name(path) == f"{stem}-2d711642-char"


def test_nothing_is_kept_of_a_sick_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sick(*_: Any) -> None:
        raise SickRun(1, "divergence", "loss 9 nats")

    monkeypatch.setattr("moe_core.train_file.train_run", sick)
    words = ["train", stories(tmp_path / "a.txt"), "--results", tmp_path / "mine"]
    monkeypatch.setattr(sys, "argv", ["moe_core", *map(str, words)])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == "error: training: divergence at step 1 (loss 9 nats)"
    assert not files(tmp_path / "mine")


def test_results_that_cannot_be_made_are_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moe_core.train_file.train_run", None)
    text = stories(tmp_path / "a.txt")
    with pytest.raises(StudyError, match=r"^--results: .*a\.txt"):
        train_file(text, spec(), text / "below a file")


@pytest.mark.parametrize("count", [2, 40])
def test_a_file_that_is_too_small_wants_more_stories(tmp_path: Path, count: int) -> None:
    with pytest.raises(StudyError, match=r"a\.txt: .*split has .*; give more stories$"):
        train_file(stories(tmp_path / "a.txt", count=count), spec(seq_len=4096), tmp_path / "mine")
