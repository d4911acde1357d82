"""The training command as a job runs it: real processes, real signals."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file

from moe_core.provenance import canonical_json
from moe_core.runs import RunSpec, canonical
from moe_core.study import load_study
from tests.configurations import ROOT, changed

OUTPUTS = ("metrics.jsonl", "stories.csv", "summary.json", "weights.safetensors")
LIMIT = 120.0


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", *map(str, arguments)]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred stories by characters, made by the pipeline's own commands."""
    folder = tmp_path_factory.mktemp("corpus")
    stories, encoded = folder / "stories", folder / "tokens"
    encoded.mkdir()
    options = {"stories": 300, "seed": 0}
    spec = {"source": "builtin", "options": options, "valid_fraction": 0.1, "test_fraction": 0.1}
    tokenizer = {"kind": "char", "options": None}
    vocabulary = encoded / "tokenizer.json"
    made = ["--train", stories / "train.jsonl", "--out", vocabulary]
    folders = ["--corpus", stories, "--tokenizer", vocabulary, "--folder", encoded]
    for arguments in (
        ["corpus", "--spec", canonical_json(spec), "--folder", stories],
        ["tokenizer", "--spec", canonical_json(tokenizer), *made],
        ["tokens", *folders],
    ):
        script, *rest = map(str, arguments)
        subprocess.run(command(f"workflow_scripts.{script}", *rest), cwd=ROOT, check=True)
    return encoded


def spec_of(
    strategy: str, world_size: int = 1, expert_parallel: bool = False, **training: Any
) -> RunSpec:
    """A small run of a strategy."""

    def edit(config: dict[str, Any]) -> None:
        scale = config["scales"]["quick"]
        scale |= {"world_size": world_size, "expert_parallel": expert_parallel}
        scale["model"] |= {"dim": 32, "layers": 1, "expert_hidden": 32}
        small = {"batch_size": 4, "seq_len": 64, "steps": 60, "evaluate_every": 20}
        scale["training"] |= small | {"valid_tokens": 2048, "test_tokens": 4096} | training

    study = load_study(changed(edit))
    return next(study.runs[run] for run in study.unified if run.startswith(strategy))


@pytest.fixture(scope="module")
def start(tokens: Path) -> Callable[..., subprocess.Popen[str]]:
    """Function: a training process of a row, in a folder."""

    def popen(spec: RunSpec, folder: Path, every_s: float = 0.0, code: str = "code") -> Any:
        arguments = ["--spec", canonical(spec), "--code", code, "--tokens", tokens]
        arguments += ["--folder", folder, "--checkpoint-seconds", every_s]
        return subprocess.Popen(
            command("workflow_scripts.train", *arguments),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )

    return popen


@pytest.fixture(scope="module")
def alone(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    status, said = ended(start(side_by_side_spec(1), folder))
    assert status == 0, said
    return folder


@pytest.fixture(scope="module", params=[False, True], ids=["data parallel", "expert parallel"])
def expert_parallel(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def together(start: Any, expert_parallel: bool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, undisturbed, of two processes."""
    folder = tmp_path_factory.mktemp("together")
    status, said = ended(start(side_by_side_spec(2, expert_parallel), folder))
    assert status == 0, said
    return folder


def side_by_side_spec(world_size: int, expert_parallel: bool = False) -> RunSpec:
    return spec_of("loss_free", world_size, expert_parallel, evaluate_every=5)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and what it said."""
    _, said = process.communicate(timeout=LIMIT)
    return process.returncode, said


def until_step(folder: Path, step: int) -> int:
    """Wait until a run is that far; the id of its process."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            shown = json.loads((folder / "state/progress.json").read_text())
        except (OSError, ValueError):
            shown = {"step": -1}
        if shown["step"] >= step:
            return int(shown["pid"])
        time.sleep(0.02)
    raise AssertionError(f"{folder} did not come to step {step}")


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def events(folder: Path) -> list[str]:
    lines = (folder / "state/history.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_sigkill_and_sigterm_leave_outputs_byte_for_byte(start: Any, tmp_path: Path) -> None:
    spec, calm, hit = spec_of("noisy_topk"), tmp_path / "calm", tmp_path / "hit"
    assert ended(start(spec, calm))[0] == 0
    for signum, step in ((signal.SIGKILL, 7), (signal.SIGTERM, 25), (signal.SIGKILL, 41)):
        process = start(spec, hit)
        until_step(hit, step)
        process.send_signal(signum)
        sent = time.monotonic()
        status, said = ended(process)
        assert time.monotonic() - sent < 10
        if signum == signal.SIGTERM:
            assert status == 128 + signum
            assert "SIGTERM at step" in said
            assert "Traceback" not in said
        else:
            assert status == -signum
        assert not (hit / "summary.json").exists()
    assert ended(start(spec, hit))[0] == 0
    assert outputs(hit) == outputs(calm)
    assert events(hit).count("terminated") == 1
    history = [json.loads(x) for x in (hit / "state/history.jsonl").read_text().splitlines()]
    starts = [event["step"] for event in history if event["event"] == "start"]
    assert starts[0] == 0
    assert starts == sorted(starts)
    # one checkpoint a step: that of the step at which it was killed may not be whole
    assert all(a >= b - 1 for a, b in zip(starts[1:], (7, 25, 41), strict=True))


def test_outputs_that_were_deleted_come_back_without_a_step(start: Any, tmp_path: Path) -> None:
    spec = spec_of("softk")
    assert ended(start(spec, tmp_path))[0] == 0
    before = outputs(tmp_path)
    for name in OUTPUTS:
        (tmp_path / name).unlink()
    assert ended(start(spec, tmp_path))[0] == 0
    assert outputs(tmp_path) == before
    history = [json.loads(x) for x in (tmp_path / "state/history.jsonl").read_text().splitlines()]
    assert [event["step"] for event in history if event["event"] == "start"] == [0, 60]


def test_a_second_trainer_of_a_run_waits_for_the_first(start: Any, tmp_path: Path) -> None:
    """As after kill -9 of snakemake, whose trainers go on."""
    spec = spec_of("softk", steps=5000, evaluate_every=5000)
    first = start(spec, tmp_path, 1e9)
    until_step(tmp_path, 3)
    second = start(spec, tmp_path, 1e9)
    assert f"waiting for process {first.pid}" in second.stderr.readline()
    assert events(tmp_path) == ["start"]
    first.terminate()
    assert ended(first)[0] == 128 + signal.SIGTERM
    reached = json.loads((tmp_path / "state/progress.json").read_text())["step"]
    until_step(tmp_path, reached + 1)
    second.terminate()
    assert ended(second)[0] == 128 + signal.SIGTERM
    assert events(tmp_path).count("start") == 2


def test_divergence_ends_as_a_failed_run_with_all_outputs(start: Any, tmp_path: Path) -> None:
    spec = spec_of("softk", learning_rate=50.0, grad_clip=0.0, warmup_steps=25, evaluate_every=5)
    status, said = ended(start(spec, tmp_path))
    assert status == 0
    assert "FAILED: " in said
    summary = json.loads((tmp_path / "summary.json").read_text())
    failure = summary["failure"]
    assert summary["status"] == "failed"
    assert summary["test"] is None
    assert failure["cause"] in ("divergence", "exploded router", "non-finite gradient")
    assert 0 <= failure["checkpoint_step"] < failure["step"]
    assert f"{failure['cause']} at step {failure['step']}" in said
    rows = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [*range(5, failure["checkpoint_step"] + 1, 5)]
    stories = pd.read_csv(tmp_path / "stories.csv")
    assert list(stories) == ["story", "bytes", "nats", "nats_train_mode"]
    assert stories.empty
    for tensor in load_file(tmp_path / "weights.safetensors").values():
        assert tensor.isfinite().all()
    before = outputs(tmp_path)
    assert ended(start(spec, tmp_path))[0] == 0
    assert outputs(tmp_path) == before
    assert events(tmp_path)[-1] == "failed"


def test_two_processes_train_as_one(alone: Path, together: Path) -> None:
    curves = []
    for folder in (alone, together):
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        curves.append([json.loads(line)["train_loss"] for line in lines])
    assert curves[1] == pytest.approx(curves[0], abs=1e-5)
    weights = [load_file(folder / "weights.safetensors") for folder in (alone, together)]
    assert [(k, v.shape) for k, v in weights[0].items()] == [
        (k, v.shape) for k, v in weights[1].items()
    ]
    biases = [{k: v for k, v in tensors.items() if "bias_E" in k} for tensors in weights]
    assert biases[0]
    for name, bias_E in biases[0].items():
        assert bias_E.any()
        assert (bias_E - biases[1][name]).abs().max() < 1e-6


def test_a_dead_rank_ends_the_job_which_then_resumes(
    start: Any, tmp_path: Path, expert_parallel: bool, together: Path
) -> None:
    spec, hit = side_by_side_spec(2, expert_parallel), tmp_path
    process = start(spec, hit)
    os.kill(until_step(hit, 10), signal.SIGKILL)
    status, said = ended(process)
    assert status != 0
    assert "SIGKILL" in said or "exitcode  : -9" in said
    assert not (hit / "summary.json").exists()
    process = start(spec, hit)
    until_step(hit, 30)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] != 0
    assert "terminated" in events(hit)
    assert ended(start(spec, hit))[0] == 0
    assert outputs(hit) == outputs(together)


def test_out_of_memory_goes_on_in_smaller_parts_to_the_same_loss(
    tokens: Path, start: Any, tmp_path: Path
) -> None:
    """The limit is the kernel's (setrlimit(2)): three quarters of what the whole batch takes."""
    large = {"batch_size": 1536, "steps": 3, "evaluate_every": 3, "warmup_steps": 2}
    spec, free, tight = spec_of("softk", **large), tmp_path / "free", tmp_path / "tight"
    process, peak = start(spec, free), 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status")
        with contextlib.suppress(OSError, StopIteration):
            line = next(x for x in status.read_text().splitlines() if x.startswith("VmData"))
            peak = max(peak, int(line.split()[1]) << 10)
        time.sleep(0.01)
    assert process.returncode == 0
    process = start(spec, tight)
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (3 * peak // 4,) * 2)
    status, said = ended(process)
    assert status == 0
    assert "out of memory at step" in said
    assert "Traceback" not in said
    assert "out of memory" in events(tight)
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (free, tight)]
    assert summaries[1]["status"] == "finished", (summaries[1]["failure"], events(tight), peak)
    assert summaries[1]["test"]["loss"] == pytest.approx(summaries[0]["test"]["loss"], rel=1e-5)
    assert any("micro-batches" in warning for warning in summaries[1]["warnings"])
