"""The command generate: texts on stdout, mistakes in one line, nothing written half."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from moe_core.__main__ import main
from moe_core.corpus.batches import open_corpus
from moe_core.corpus.tokenization import bpe_tokenizer
from moe_core.inference.command import lines_of
from moe_core.inference.decoder import Decoder
from moe_core.inference.sampling import Sampling
from moe_core.runs import run_id
from moe_core.study import load_study
from tests.configurations import DEFAULT
from tests.explorer.study import spec_of, write_run, write_tokens

PROMPTS = ["The fox", "A", "Mia said:"]
LONGEST = 64  # of the runs below
SPECS = {name: spec_of(name, {}) for name in ("softk", "coe", "remoe")}
DENSE = SPECS["softk"].model_copy(
    update={"model": SPECS["softk"].model.model_copy(update={"moe": None})}
)
RUNS = {name: run_id(spec) for name, spec in (SPECS | {"dense": DENSE}).items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with initial weights; remoe stands for one that failed."""
    folder = tmp_path_factory.mktemp("results")
    tokens = folder / "tokens" / DENSE.tokens
    write_tokens(tokens)
    for spec in (*SPECS.values(), DENSE):
        write_run(folder / "runs" / run_id(spec), spec, open_corpus(tokens))
    return folder


@pytest.fixture
def say(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command; its stdout and stderr."""

    def run(*options: object, name: str = "softk") -> tuple[str, str]:
        words = ["generate", "--results", results, "--run", RUNS.get(name, name), *options]
        monkeypatch.setattr(sys, "argv", ["moe_core", *map(str, words)])
        main()
        told = capsys.readouterr()
        return told.out, told.err

    return run


def test_texts_follow_their_prompts(say: Any) -> None:
    out, err = say("--prompt", *PROMPTS, "--tokens", 9)
    alone = [say("--prompt", prompt, "--tokens", 9)[0] for prompt in PROMPTS]
    assert out == "\n".join(alone)
    for prompt, text in zip(PROMPTS, alone, strict=True):
        assert text.startswith(prompt)
    assert err.count("\n") == 1
    assert "tokens/s" in err


def test_a_file_of_prompts_is_the_same(say: Any, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(PROMPTS))
    assert say("--prompts", path, "--tokens", 5)[0] == say("--prompt", *PROMPTS, "--tokens", 5)[0]


def test_prompts_are_split_at_line_feeds_alone(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("\ufeffA\u2028b\r\n\x0cC\n".encode())
    assert lines_of(path) == ["A\u2028b", "\x0cC"]


def test_a_character_of_many_bytes_is_printed_whole(
    say: Any, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vocabulary of bytes, of which the model is made to say a text."""
    told = " Łódź 🦊, 雨"
    tokenizer = bpe_tokenizer(["The fox"], 260)
    spec = SPECS["softk"].model_copy(update={"tokens": "bytes"})
    write_tokens(results / "tokens/bytes", tokenizer)
    write_run(results / "runs" / run_id(spec), spec, open_corpus(results / "tokens/bytes"))
    ids = iter(tokenizer.encode(told).ids)
    monkeypatch.setattr(Sampling, "choose", lambda *_: torch.tensor([next(ids)]))
    printed: list[str] = []
    monkeypatch.setattr(
        "builtins.print", lambda text, **k: printed.append(text) if "file" not in k else None
    )
    tokens = len(tokenizer.encode(told).ids)
    assert tokens == len(told.encode())
    say("--prompt", "The fox", "--tokens", tokens, name=run_id(spec))
    assert "".join(printed) == "The fox" + told
    assert all(part in ("The fox", "", *told) for part in printed)


def test_a_seed_repeats_a_text_and_fewer_tokens_are_its_start(say: Any) -> None:
    drawn = ("--prompt", "The ", "--temperature", 2, "--top-p", 0.95)
    out = say(*drawn, "--seed", 3, "--tokens", 20)[0]
    assert say(*drawn, "--seed", 3, "--tokens", 20)[0] == out
    assert out.startswith(say(*drawn, "--seed", 3, "--tokens", 4)[0].rstrip("\n"))
    assert say(*drawn, "--seed", 4, "--tokens", 20)[0] != out


def test_no_text_goes_beyond_the_length_of_training(say: Any, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    _, err = say("--prompt", "The fox", "--trace", trace)
    (story,) = json.loads(trace.read_text())["stories"]
    stopped = len(story["tokens"]) < LONGEST
    assert stopped != (f"1 of 1 texts ended at {LONGEST + 1} tokens, the separator" in err)
    assert len(story["tokens"]) <= LONGEST


def test_routing_names_every_token_that_was_read(say: Any) -> None:
    out, _ = say("--prompt", "The fox", "--tokens", 4, "--routing", name="coe")
    lines = [line for line in out.splitlines() if "layer 1:" in line]
    assert len(lines) == 1 + len("The fox") + 4 - 1
    assert lines[1].split()[:2] == ["1", "'T'"]
    assert all(line.count(" + ") == 2 for line in lines)  # two steps in each of two layers


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--prompt", ""], "prompt 1: is empty"),
        (["--prompt", "ok", "The ß and é"], "prompt 2: the run's vocabulary lacks 'ß' 'é'"),
        (["--prompt", "The " * 16], "prompt 1: has 65 tokens, where the run was trained on 64"),
        (["--prompt", "A", "--top-p", "0"], "--top-p: 0 is not"),
        (["--prompt", "A", "--top-p", "1.5"], "--top-p: 1.5 is not"),
        (["--prompt", "A", "--temperature", "-1"], "--temperature: -1 is not"),
        (["--prompt", "A", "--tokens", "0"], "--tokens: 0 is below 1"),
        (["--prompt", "A", "--threads", "-2"], "--threads: -2 is below 1"),
        (["--prompt", "A", "--threads", "100000"], "--threads: 100000 is above"),
        (["--prompts", "/no/such/file"], "--prompts: cannot read /no/such/file"),
        (["--prompt", "A", "--trace", "/no/such/folder/t"], "--trace: no folder /no/such/folder"),
        (["--prompt", "A", "--trace", "/"], "--trace: / is no file"),
        (["--prompt", "A", "--trace", "/proc/t"], "--trace: cannot write to /proc"),
    ],
)
def test_a_mistake_is_one_line(
    say: Any, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        say(*options)
    assert str(raised.value).startswith(f"error: {told}")
    assert "\n" not in str(raised.value)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("nobody-s0", [], "holds no finished run"),
        ("remoe", [], "failed: divergence at step 7"),
        ("dense", ["--routing"], "is dense: nothing is routed"),
    ],
)
def test_so_is_a_run_that_cannot(say: Any, name: str, options: list[str], told: str) -> None:
    with pytest.raises(SystemExit, match=told):
        say("--prompt", "A", *options, name=name)


def test_so_are_adapters(say: Any, results: Path) -> None:
    study = load_study(DEFAULT)
    run, spec = next((run, s) for run, s in study.all_runs.items() if run not in study.runs)
    folder = results / "runs" / run
    folder.mkdir()
    row = {"status": "finished", "failure": None, "spec": spec.model_dump(mode="json")}
    (folder / "summary.json").write_text(json.dumps(row))
    with pytest.raises(SystemExit, match="is adapters, not a model; see"):
        say("--prompt", "A", name=run)


def test_so_is_a_batch_that_memory_cannot_hold(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moe_core.inference.command._free_bytes", lambda: 10_000)
    with pytest.raises(SystemExit, match="1 at once need .* GiB for keys and values"):
        say("--prompt", "A")


def test_a_text_is_printed_as_it_comes(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps of the model something is flushed."""
    events: list[str] = []
    read = Decoder.read

    def noted(self: Decoder, *arguments: Any) -> Any:
        events.append("step")
        return read(self, *arguments)

    monkeypatch.setattr(Decoder, "read", noted)
    monkeypatch.setattr(
        "builtins.print", lambda *a, **k: events.append("print") if k.get("flush") else None
    )
    say("--prompt", "The fox", "--tokens", 6)
    kinds = "".join(event[0] for event in events)
    assert "spspsp" in kinds
