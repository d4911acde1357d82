"""A made-up results folder in which runs are in every state."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from moe_core.study import Study, load_study
from moe_core.watch import RunState, line, look, run_state, view
from tests.configurations import DEFAULT, ROOT
from tests.test_study import loaded_by

WATCH = (sys.executable, "-m", "moe_core", "--config", str(ROOT / "config.yaml"), "watch")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
STEPS = 1400
NO_PROCESS = 2**22 + 1  # more than the kernel hands out


def finish(folder: Path, failure: dict[str, object] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    summary = {"status": "failed" if failure else "finished", "failure": failure, "warnings": []}
    (folder / "summary.json").write_text(json.dumps(summary))


def train(folder: Path, step: int, pid: int = NO_PROCESS, ago_s: float = 0.0) -> None:
    """A run that made 20 steps in 40 s, and wrote so ``ago_s`` ago."""
    (folder / "state").mkdir(parents=True, exist_ok=True)
    written = time.time() - ago_s
    progress = {
        "step": step,
        "steps": STEPS,
        "started": written - 40,
        "started_at_step": step - 20,
        "pid": pid,
    }
    path = folder / "state/progress.json"
    path.write_text(json.dumps(progress).ljust(256))
    os.utime(path, (written, written))
    (folder / "state/metrics.csv").write_text(
        "step,train_loss,bits_per_byte\n100,3.1,2.75\n200,2.9,2.5\n"
    )


DIVERGED = {
    "step": 90,
    "cause": "divergence",
    "detail": "loss [nats] of 9.1",
    "checkpoint_step": 80,
}


@pytest.fixture
def study() -> Study:
    return load_study(DEFAULT)


@pytest.fixture
def results(tmp_path: Path, study: Study) -> Path:
    """Two runs are finished, one has failed, two are running, one is interrupted."""
    folders = [tmp_path / "results/runs" / run for run in study.all_runs]
    finish(folders[0])
    finish(folders[1])
    finish(folders[2], DIVERGED)
    train(folders[3], step=30)
    train(folders[4], step=40, ago_s=60)
    train(folders[5], step=20, ago_s=600)
    return tmp_path / "results"


def test_a_line_counts_runs_and_steps(study: Study, results: Path) -> None:
    total = sum(spec.training.steps for spec in study.all_runs.values())
    steps = [spec.training.steps for spec in study.all_runs.values()]
    total += 90 - steps[2]
    done = steps[0] + steps[1] + 90 + 30 + 40 + 20
    left = total - done  # two runs of half a step a second
    assert line(look(study, results, time.time())) == (
        f"2 of {len(steps)} runs finished, 2 running, {len(steps) - 5} waiting (1 interrupted), "
        f"1 failed (1 divergence); {done} of {total} steps, 1.0 steps/s, "
        f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} of training left"
    )


def test_a_view_has_a_row_for_each_run_that_began_and_the_reason_of_each_failure(
    study: Study, results: Path
) -> None:
    console = Console(markup=False, width=200)
    with console.capture() as captured:
        console.print(view(look(study, results, time.time())))
    told = captured.get()
    finished, _, failed, running, _, interrupted, waiting, *_ = study.all_runs
    steps = study.all_runs[running].training.steps
    rows = {row.split()[0]: row for row in told.splitlines() if row.strip()}
    assert rows["run"].split() == ["run", "step", "bits/byte", "left"]
    assert rows[running].split()[-3:] == [f"30/{steps}", "2.500", "0:01:00"]
    assert rows[interrupted].split()[-2:] == ["2.500", "interrupted"]
    assert rows[failed].strip().endswith("divergence at step 90: loss [nats] of 9.1")
    assert finished not in told
    assert waiting not in told


def test_a_run_without_news_runs_while_its_own_process_does(tmp_path: Path) -> None:
    folder = tmp_path / "softk-s0-0123456789"
    program = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    own, other = (
        subprocess.Popen([*program, *arguments], stdout=subprocess.PIPE)
        for arguments in (["--folder", str(folder)], [])
    )
    for process in (own, other):
        assert process.stdout is not None
        process.stdout.readline()  # it has its own command line from before its first word
    try:
        found = []
        for pid in (own.pid, other.pid):
            train(folder, 300, pid, ago_s=600)
            found.append(run_state(folder.name, folder, STEPS, time.time()).state)
        own.kill()
        own.wait()
        train(folder, 300, own.pid, ago_s=600)
        found.append(run_state(folder.name, folder, STEPS, time.time()).state)
    finally:
        for process in (own, other):
            process.kill()
            process.communicate()
    assert found == ["running", "interrupted", "interrupted"]


def test_a_run_that_was_watched_failing_and_is_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finish(folder, DIVERGED)
    failed = RunState("run", "failed", 90, 90, cause="divergence", detail="loss [nats] of 9.1")
    assert run_state("run", folder, STEPS, time.time()) == failed
    (folder / "summary.json").unlink()
    train(folder, 300)
    assert run_state("run", folder, STEPS, time.time()).state == "running"
    finish(folder)
    assert run_state("run", folder, STEPS, time.time()) == RunState("run", "finished", STEPS, STEPS)


@pytest.mark.parametrize("content", ["", '{"step": 12', " " * 256])
def test_files_that_are_half_written_are_no_news(tmp_path: Path, content: str) -> None:
    train(tmp_path, 300)
    (tmp_path / "state/metrics.csv").write_text("step,train_loss,bits_per_byte\n100,3.1")
    assert run_state("run", tmp_path, STEPS, time.time()).bits_per_byte is None
    (tmp_path / "state/progress.json").write_text(content)
    assert run_state("run", tmp_path, STEPS, time.time()) == RunState("run", "waiting", 0, STEPS)


def test_off_a_terminal_it_prints_lines_until_no_run_is_left(study: Study, results: Path) -> None:
    watching = subprocess.Popen(
        [*WATCH, "--every", "0.1"],
        cwd=results.parent,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("2 of 111 runs finished, 2 running")
    for run in study.all_runs:
        if run != [*study.all_runs][2]:
            finish(results / "runs" / run)
    *_, last = watching.communicate(timeout=30)[0].splitlines()
    assert last.startswith(
        "110 of 111 runs finished, 0 running, 0 waiting, 1 failed (1 divergence)"
    )
    assert last.endswith("0:00:00 of training left")
    assert watching.returncode == 0


def test_on_a_terminal_it_shows_the_runs(study: Study, results: Path) -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [*WATCH, "--once"],
        cwd=results.parent,
        env=ENVIRONMENT | {"TERM": "xterm", "COLUMNS": "160"},
        stdout=theirs,
        check=True,
    )
    os.close(theirs)
    told = os.read(ours, 100_000).decode()
    os.close(ours)
    assert [*study.all_runs][3] in told
    assert "divergence at step 90: loss [nats] of 9.1" in told


def test_settings_are_those_of_snakemake(tmp_path: Path) -> None:
    def watched(*settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*WATCH, "--once", "--config", *settings],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )

    told = watched("scale=seed", "scales={seed: {seeds: [0], other_seeds: [0]}}").stdout
    one_seed = {"seeds": [0], "other_seeds": [0]}
    scales = DEFAULT["scales"] | {"seed": DEFAULT["scales"]["seed"] | one_seed}
    runs = load_study(DEFAULT | {"scale": "seed", "scales": scales}).all_runs
    assert told.startswith(f"0 of {len(runs)} runs finished")
    assert watched("scale").stderr == "error: --config: 'scale' sets nothing; write KEY=VALUE\n"
    assert watched("corpus={").stderr.startswith("error: corpus: while parsing")


@pytest.mark.parametrize("heavy", ["torch", "pandas"])
def test_it_starts_without_what_is_slow_to_load(heavy: str) -> None:
    assert loaded_by(["moe_core.watch", "moe_core.devices"], heavy) == []
