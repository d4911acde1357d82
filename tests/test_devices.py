"""Devices that exist by name alone; jobs are real processes, and killed ones are really killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos.devices import free_devices, jobs, overlaps, run_all
from tests.configurations import ROOT

SHOW = ("sh", "-c", "echo $CUDA_VISIBLE_DEVICES")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Four devices and a folder of locks of its own."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b,c,d")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return monkeypatch


class Jobs:
    """Starts jobs, and ends those that are left."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        job = subprocess.Popen(
            [sys.executable, "-m", "moe_core.devices", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(job)
        return job

    def at_work(self, *options: str) -> tuple[subprocess.Popen[str], str]:
        """A job that stays until it is killed, and its devices."""
        job = self.start(*options, "--", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES; exec sleep 60")
        return job, job.stdout.readline().strip()

    def shown(self, *options: str) -> str:
        """Devices of a job that ends at once."""
        out, err = self.start(*options, "--", *SHOW).communicate(timeout=30)
        assert not err
        return out.strip()

    def waiting(self, *options: str) -> subprocess.Popen[str]:
        """A job that has said that it waits, and would show its devices."""
        job = self.start(*options, "--", *SHOW)
        assert job.stderr.readline().startswith("waiting for GPU a")
        return job


@pytest.fixture
def start(environment: pytest.MonkeyPatch) -> Iterator[Jobs]:
    started = Jobs()
    yield started
    for job in started.started:
        if job.returncode is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.communicate()


@pytest.mark.parametrize("shares", [1, 3])
def test_killed_jobs_neither_share_a_device_nor_lose_one(
    tmp_path: Path, environment: pytest.MonkeyPatch, shares: int
) -> None:
    spans = run_all(jobs(40, shares, killed=0.4, rng=random.Random(shares)), 12, tmp_path)
    assert overlaps(spans, shares) == 0
    for span in spans:
        asked = int(span.job.options[-1]) if "--count" in span.job.options else 1
        # those that were not killed all had what they asked for
        assert len({*span.devices}) == asked or (span.killed and not span.devices)
    assert free_devices(tmp_path) == 4


def test_runs_are_spread_and_shares_are_counted(start: Jobs) -> None:
    devices = [start.at_work("--shares", "2")[1] for _ in range(8)]
    assert sorted(devices[:4]) == sorted(devices[4:]) == ["a", "b", "c", "d"]
    ninth = start.waiting("--shares", "2")
    os.kill(start.started[5].pid, signal.SIGKILL)
    assert ninth.communicate(timeout=30)[0].strip() == devices[5]


def test_a_timing_shares_with_none_and_is_not_overtaken(start: Jobs) -> None:
    runs = [start.at_work("--shares", "2") for _ in range(4)]
    timing = start.waiting("--whole")
    later = start.waiting("--shares", "2")  # there would be room
    time.sleep(0.5)
    assert later.poll() is None
    job, device = runs[2]
    os.kill(job.pid, signal.SIGKILL)
    assert timing.communicate(timeout=30)[0].strip() == device
    assert later.wait(timeout=30) == 0
    _, device = start.at_work("--whole")
    assert start.shown("--shares", "16") != device


def test_several_devices_come_together(start: Jobs) -> None:
    assert start.shown("--count", "3") == "a,b,c"
    jobs = dict(reversed(start.at_work()) for _ in range(3))
    pair = start.waiting("--count", "2")
    os.kill(jobs["b"].pid, signal.SIGKILL)
    assert pair.communicate(timeout=30)[0].strip() == "b,d"


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", "env -i sleep 60 & echo $!; wait"),  # holds the file, has no environment
        (
            *(sys.executable, "-c"),  # closes the file
            "from subprocess import Popen; child = Popen(['sleep', '60']); "
            "print(child.pid, flush=True); child.wait()",
        ),
    ],
)
def test_a_device_is_held_until_the_last_process_of_its_job_ends(
    start: Jobs, environment: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    environment.setenv("CUDA_VISIBLE_DEVICES", "a")
    job = start.start("--", *command)
    orphan = int(job.stdout.readline())
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    waiting = start.waiting()
    time.sleep(0.5)
    assert waiting.poll() is None
    os.kill(orphan, signal.SIGKILL)
    assert waiting.communicate(timeout=30)[0].strip() == "a"


def test_devices_that_others_may_not_use_are_no_obstacle(
    start: Jobs, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("CUDA_VISIBLE_DEVICES", "a,b")
    start.at_work("--count", "2")
    start.waiting()
    environment.setenv("CUDA_VISIBLE_DEVICES", "GPU-1/0, c,-1,d")
    assert start.shown("--count", "2") == "GPU-1/0,c"


def test_under_slurm_the_command_runs_as_it_is(
    start: Jobs, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("SLURM_JOB_ID", "7")
    assert start.shown("--whole") == "a,b,c,d"


def test_exit_status_and_signals_are_the_commands(start: Jobs) -> None:
    assert start.start("--", "sh", "-c", "exit 7").wait() == 7
    job, _ = start.at_work()
    job.terminate()
    assert job.wait() == -signal.SIGTERM


@pytest.mark.parametrize(
    ("devices", "options", "line"),
    [
        ("", (), "error: device: no GPU is visible in CUDA_VISIBLE_DEVICES=; set device: cpu"),
        ("-1", (), "error: device: no GPU is visible in CUDA_VISIBLE_DEVICES=-1; set device: cpu"),
        (None, (), "error: device: no GPU is visible to nvidia-smi; set device: cpu"),
        ("a", ("--count", "2"), "error: device: 2 GPUs are needed and 1 visible"),
    ],
)
def test_too_few_devices_are_one_line(
    start: Jobs,
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
    devices: str | None,
    options: tuple[str, ...],
    line: str,
) -> None:
    environment.setenv("PATH", str(tmp_path))  # no nvidia-smi
    if devices is None:
        environment.delenv("CUDA_VISIBLE_DEVICES")
    else:
        environment.setenv("CUDA_VISIBLE_DEVICES", devices)
    job = start.start(*options, "--", "true")
    assert job.communicate() == ("", line + "\n")
    assert job.returncode == 1


def test_devices_are_those_of_nvidia_smi(
    start: Jobs, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("CUDA_VISIBLE_DEVICES")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    environment.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert start.shown("--count", "2") == "0,1"


@pytest.mark.parametrize("kind", ["link", "open to others", "file"])
def test_a_folder_of_locks_that_is_not_private_is_refused(
    start: Jobs, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / f"moe-devices-{os.getuid()}"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif kind == "file":
        folder.touch(mode=0o600)
    else:
        folder.mkdir()
        folder.chmod(0o777)
    job = start.start("--", "true")
    assert job.communicate()[1].startswith(f"error: {folder}: is not a private folder")
    assert job.returncode == 1
