"""Jobs that die at random on devices that must not be given twice.

    python benchmarks/chaos/devices.py --out benchmarks/results/chaos_devices.json

Four devices that exist by name alone, two runs on each. Jobs go through `moe_core.devices`, more
at a time than there is room for: most need a slot, some a whole device, some two; of some a child
that inherited no lock lives on. A share of them is killed (SIGKILL) at a random time, while they
start, wait or run. A job's span is from its own first word to its last, or to the last moment at
which it was surely alive. Overhead: `true` through `moe_core.devices` and by itself, in turn.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.outcome import publish
from moe_core.provenance import ROOT, environment

DEVICES = ["a", "b", "c", "d"]
TAKE = [sys.executable, "-m", "moe_core.devices"]
# says each thing in one write, which no kill splits; its child closes what it inherits
JOB = r"""
import os, subprocess, sys, time
say = "import os, time; time.sleep({}); os.write(1, b'%.9f\\n' % time.monotonic())"
os.write(1, b"%b %.9f\n" % (os.environb[b"CUDA_VISIBLE_DEVICES"], time.monotonic()))
if float(sys.argv[2]):
    subprocess.Popen([sys.executable, "-S", "-c", say.format(sys.argv[2])])
time.sleep(float(sys.argv[1]))
os.write(1, b"%.9f\n" % time.monotonic())
"""


@dataclass(frozen=True)
class Job:
    """options: of moe_core.devices. Seconds: of its work, of a child's (0 for none), and until it
    is killed, if it is, counted from its start or from its first word."""

    options: tuple[str, ...]
    work_s: float
    child_s: float = 0.0
    killed_after_s: float | None = None
    killed_at_work: bool = False


@dataclass(frozen=True)
class Span:
    """When a job had which devices; none where it was killed before it got any."""

    job: Job
    devices: tuple[str, ...]
    start: float
    end: float
    killed: bool


def jobs(count: int, shares: int, killed: float, rng: random.Random) -> list[Job]:
    """Jobs of all kinds; a share of ``killed`` is killed."""
    kinds = [("--shares", str(shares))] * 7 + [("--whole",)] * 2
    kinds += [("--shares", str(shares), "--count", "2")]
    return [
        Job(
            rng.choice(kinds),
            work_s=rng.uniform(0.1, 0.6),
            child_s=rng.choice([0, 0, 1]),
            killed_after_s=rng.uniform(0, 0.3) if rng.random() < killed else None,
            killed_at_work=rng.random() < 2 / 3,
        )
        for _ in range(count)
    ]


def variables(folder: Path) -> dict[str, str]:
    """Environment of a job: the devices, and a folder for their locks."""
    return os.environ | {"CUDA_VISIBLE_DEVICES": ",".join(DEVICES), "TMPDIR": str(folder)}


def run(job: Job, folder: Path) -> Span:
    """Start a job, kill it if that is its lot, and wait for the last of its processes."""
    command = [*TAKE, *job.options, "--", sys.executable, "-S", "-c", JOB]
    process = subprocess.Popen(
        [*command, str(job.work_s), str(job.child_s)],
        env=variables(folder),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    alive, word = 0.0, process.stdout.readline() if job.killed_at_work else ""
    if job.killed_after_s is not None:
        time.sleep(job.killed_after_s)
        before = time.monotonic()
        if process.poll() is None:
            alive = before
            process.kill()
    told = (word + process.communicate()[0]).split()
    if not told:
        return Span(job, (), alive, alive, True)
    times = [float(word) for word in told[1:]]
    return Span(
        job, tuple(told[0].split(",")), times[0], max([*times, alive]), process.returncode < 0
    )


def run_all(work: list[Job], at_a_time: int, folder: Path) -> list[Span]:
    """Spans of all jobs, in the order of the jobs."""
    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(lambda job: run(job, folder), work))


def overlaps(spans: list[Span], shares: int) -> int:
    """Starts at which a device had too many jobs, or one beside a job that needs it whole."""
    found = 0
    for device in DEVICES:
        here = [span for span in spans if device in span.devices]
        for begun in here:
            beside = [s for s in here if s.start <= begun.start < s.end or s is begun]
            alone = any("--whole" in span.job.options for span in beside)
            found += len(beside) > (1 if alone else shares)
    return found


def free_devices(folder: Path) -> int:
    """How many devices can be had whole at once, now."""
    for count in range(len(DEVICES), 0, -1):
        command = [*TAKE, "--whole", "--count", str(count), "--", "true"]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, cwd=ROOT, env=variables(folder), check=True, timeout=20)
            return count
    return 0


def overhead(repeats: int, folder: Path) -> dict[str, float]:
    """Medians of what a job takes longer than its bare command: by the clock, and of CPU time."""
    clock_ms, cpu_ms = [], []
    for _ in range(repeats):
        took = []
        for command in (["true"], [*TAKE, "--", "true"]):
            start, used = time.perf_counter(), cpu_s()
            subprocess.run(command, cwd=ROOT, env=variables(folder), check=True)
            took.append((time.perf_counter() - start, cpu_s() - used))
        clock_ms.append((took[1][0] - took[0][0]) * 1e3)
        cpu_ms.append((took[1][1] - took[0][1]) * 1e3)
    return {
        "overhead_ms": statistics.median(clock_ms),
        "overhead_cpu_ms": statistics.median(cpu_ms),
    }


def cpu_s() -> float:
    """CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--jobs", type=int, default=200)
    arguments.add_argument("--at-a-time", type=int, default=16)
    arguments.add_argument("--shares", type=int, default=2, help="runs on a device")
    arguments.add_argument("--killed", type=float, default=0.4, help="share of the jobs")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    ran = environment()
    work = jobs(given.jobs, given.shares, given.killed, random.Random(given.seed))
    with tempfile.TemporaryDirectory() as name:
        start = time.monotonic()
        spans = run_all(work, given.at_a_time, Path(name))
        seconds = time.monotonic() - start
        killed = [span for span in spans if span.killed]
        result = {
            "devices": len(DEVICES),
            "runs_per_device": given.shares,
            "jobs": len(spans),
            "at_a_time": given.at_a_time,
            "kills": len(killed),
            "killed_before_they_had_a_device": sum(not span.devices for span in killed),
            "got_a_device": sum(bool(span.devices) for span in spans),
            "overlaps": overlaps(spans, given.shares),
            "devices_free_at_the_end": free_devices(Path(name)),
            "seconds": seconds,
            **overhead(51, Path(name)),
            "load_average": os.getloadavg()[0],
            "cores_of_machine": os.cpu_count(),
            **{key: ran[key] for key in ("cpu", "python")},
        }
    publish(result, given.out)


if __name__ == "__main__":
    main()
