"""How far a study is, read from the files of its runs while it runs. Free of torch.

A picture is a row for each run of the table, in one of five states. Running: its progress was
written less than ``FRESH_S`` ago, or the process that wrote it is still there, which can be known
on its own machine alone. Interrupted: neither, so the next call of snakemake continues it.
"""

import csv
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table

from moe_core.study import Study

State = Literal["finished", "failed", "running", "interrupted", "waiting"]
FRESH_S = 120.0
REFRESH_S = 1.0


@dataclass(frozen=True)
class RunState:
    """One run. steps: that it is to make. steps_per_s: 0 where it makes none. bits_per_byte: the
    last on valid. cause, detail: of its failure."""

    run: str
    state: State
    step: int
    steps: int
    steps_per_s: float = 0.0
    bits_per_byte: float | None = None
    cause: str = ""
    detail: str = ""

    @property
    def seconds_left(self) -> float:
        """At its pace so far; infinite without one."""
        return seconds(self.steps - self.step, self.steps_per_s)


def watch(study: Study, results: Path, every_s: float, once: bool) -> None:
    """Show the study until no run is left: on a terminal live, elsewhere a line now and then."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        for states in _pictures(study, results, every_s, once):
            print(line(states), flush=True)
        return
    with Live(console=console, auto_refresh=False) as live:
        for states in _pictures(study, results, REFRESH_S, once):
            live.update(view(states), refresh=True)


def _pictures(study: Study, results: Path, every_s: float, once: bool) -> Iterator[list[RunState]]:
    while True:
        yield (states := look(study, results, time.time()))
        if once or all(state.state in ("finished", "failed") for state in states):
            return
        time.sleep(every_s)


def look(study: Study, results: Path, now: float) -> list[RunState]:
    """The state of each run of the table; now: seconds since the epoch."""
    return [
        run_state(name, results / "runs" / name, spec.training.steps, now)
        for name, spec in study.all_runs.items()
    ]


def run_state(run: str, folder: Path, steps: int, now: float) -> RunState:
    """The state of a run of so many steps, from its folder."""
    summary = folder / "summary.json"
    try:
        failure = _failure(summary, summary.stat().st_mtime_ns)
    except (OSError, ValueError):
        return _unfinished(run, folder / "state", steps, now)
    if failure is None:
        return RunState(run, "finished", steps, steps)
    step = failure["step"]  # the others it is no longer to make
    return RunState(run, "failed", step, step, cause=failure["cause"], detail=failure["detail"])


@cache
def _failure(path: Path, changed_ns: int) -> dict[str, Any] | None:
    failure: dict[str, Any] | None = json.loads(path.read_text()).get("failure")
    return failure


def _unfinished(run: str, folder: Path, steps: int, now: float) -> RunState:
    try:
        progress = json.loads((folder / "progress.json").read_text())
        written = (folder / "progress.json").stat().st_mtime
    except (OSError, ValueError):  # none yet, or caught while it is written
        return RunState(run, "waiting", 0, steps)
    step, bits = progress["step"], _last_bits(folder / "metrics.csv")
    if now - written > FRESH_S and not _is_running(progress["pid"], run):
        return RunState(run, "interrupted", step, steps, bits_per_byte=bits)
    took, made = written - progress["started"], step - progress["started_at_step"]
    pace = made / took if took > 0 else 0.0
    return RunState(run, "running", step, steps, pace, bits)


def _is_running(pid: int, run: str) -> bool:
    """Whether that process is here and is the run's: numbers are used again."""
    try:
        return run.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _last_bits(metrics: Path) -> float | None:
    try:
        with metrics.open(newline="") as file:
            rows = [*csv.DictReader(file)]
        return float(rows[-1]["bits_per_byte"])
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None


def seconds(steps: int, steps_per_s: float) -> float:
    """What so many steps take; infinite without a pace."""
    return 0.0 if steps == 0 else steps / steps_per_s if steps_per_s > 0 else math.inf


def line(states: list[RunState]) -> str:
    """The whole study in a line."""
    found = Counter(state.state for state in states)
    causes = Counter(state.cause for state in states if state.cause)
    told = ", ".join(f"{count} {cause}" for cause, count in causes.items())
    waiting = found["waiting"] + found["interrupted"]
    return (
        f"{found['finished']} of {len(states)} runs finished, {found['running']} running, "
        f"{waiting} waiting"
        + f" ({found['interrupted']} interrupted)" * bool(found["interrupted"])
        + f", {found['failed']} failed"
        + f" ({told})" * bool(told)
        + f"; {pace(states)}"
    )


def steps_of(states: list[RunState]) -> tuple[int, int]:
    """Steps made, and to be made in all."""
    return sum(state.step for state in states), sum(state.steps for state in states)


def pace(states: list[RunState]) -> str:
    """Steps done, a second, and how long the training that is left takes at that rate."""
    done, steps = steps_of(states)
    rate = sum(state.steps_per_s for state in states)
    left = seconds(steps - done, rate)
    return f"{done} of {steps} steps, {rate:.1f} steps/s, {clock(left)} of training left"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds))) if math.isfinite(seconds) else "?"


def view(states: list[RunState]) -> RenderableType:
    """The study, a row for each run that is on its way, and the failures."""
    done, steps = steps_of(states)
    begun = Table("run", "", "step", "bits/byte", "left", box=None)
    for state in states:
        if state.state in ("running", "interrupted"):
            bits = "" if state.bits_per_byte is None else f"{state.bits_per_byte:.3f}"
            begun.add_row(
                state.run,
                ProgressBar(state.steps, state.step, width=20),
                f"{state.step}/{state.steps}",
                bits,
                clock(state.seconds_left) if state.state == "running" else "interrupted",
            )
    failed = Table("failed", "reason", box=None)
    for state in states:
        if state.state == "failed":
            failed.add_row(state.run, f"{state.cause} at step {state.step}: {state.detail}")
    tables = [table for table in (begun, failed) if table.row_count]
    return Group(line(states), Padding(ProgressBar(steps, done), (0, 0, 1, 0)), *tables)
