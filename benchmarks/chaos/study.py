"""A study under SIGKILLs: does it end with the bytes of one that was left alone?

    python benchmarks/chaos/study.py --kills 50 --out benchmarks/results/chaos_study.json

Two copies of the repository run the small study of the tests. The first is left alone. The second
gets its timings (which nothing repeats) and is then killed at random: training jobs, other jobs,
snakemake itself, and training jobs at the moment in which they write a checkpoint. Whenever
snakemake has ended with a failure it is called again, until it ends well. Compared are all tables,
and of every run metrics, nats by story, summary and weights. From each run's history: the steps
that were made twice, and attempts that began before the last checkpoint of the one before.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil
import yaml

from benchmarks.outcome import publish
from moe_core.provenance import environment, file_sha256
from moe_core.study import load_study
from tests.workflow.conftest import Workspace, copy_of_repository, small_config

COMPARED = ("metrics.jsonl", "stories.csv", "summary.json", "weights.safetensors")
KINDS = ("trainer", "checkpoint", "job", "snakemake")
TARGETS = ("unified", "capacity", "experiments", "claims")


def configured(folder: Path, steps: int) -> Workspace:
    """A copy of the repository with the small study, its runs long enough to be hit."""
    workspace = copy_of_repository(folder)
    config = small_config()
    config["execution"]["checkpoint_seconds"] = 0.2
    config["scales"]["quick"]["training"] |= {"steps": steps, "evaluate_every": steps // 2}
    config["scales"]["quick"]["sweep"]["steps"] = steps // 2
    workspace.configure(config)
    return workspace


def processes(folder: Path) -> list[psutil.Process]:
    """Job processes of a workspace, also those whose snakemake is dead."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        ours = process.info["cwd"] == str(folder) and any("workflow_scripts." in w for w in words)
        if ours and "python" in words[0]:
            found.append(process)
    return found


def kill(process: psutil.Process) -> bool:
    """SIGKILL; whether it was there to be killed."""
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return True


def writer_of_a_checkpoint(folder: Path, patience_s: float) -> psutil.Process | None:
    """A trainer that has a half-written checkpoint on disk at this moment."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        for part in folder.glob("results/runs/*/state/*/.*.safetensors.*"):
            try:
                shown = json.loads((part.parents[1] / "progress.json").read_text())
                return psutil.Process(shown["pid"])
            except (OSError, ValueError, psutil.NoSuchProcess):
                continue
    return None


def victim(folder: Path, kind: str, snakemake: subprocess.Popen[bytes]) -> psutil.Process | None:
    """A process of that kind, if there is one."""
    if kind == "snakemake":
        return psutil.Process(snakemake.pid)
    if kind == "checkpoint":
        return writer_of_a_checkpoint(folder, patience_s=5)
    trainers = [p for p in processes(folder) if "workflow_scripts.train" in p.info["cmdline"]]
    others = [p for p in processes(folder) if "workflow_scripts.train" not in p.info["cmdline"]]
    pool = trainers if kind == "trainer" else others
    return random.choice(pool) if pool else None


def call(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Snakemake at work on the study."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", *TARGETS],
            cwd=folder,
            env=os.environ | {"PATH": path},
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def run_killed(workspace: Workspace, kills: int, rng: random.Random, log: Path) -> dict:
    """The study, killed so often; what was killed, and how often snakemake was called."""
    done: Counter[str] = Counter()
    calls = 0
    snakemake = None
    while True:
        if snakemake is None or snakemake.poll() is not None:
            if snakemake is not None and snakemake.returncode == 0:
                break  # done, and before so many kills if the study was too short for them
            calls += 1
            if calls > 4 * kills + 20:
                raise SystemExit(f"the study does not end: see {log}")
            snakemake = call(workspace.folder, log)
        if sum(done.values()) >= kills:
            snakemake.wait()
            continue
        time.sleep(rng.uniform(0.3, 3))
        kind = min(KINDS, key=lambda k: (done[k], rng.random()))
        process = victim(workspace.folder, kind, snakemake)
        if process is not None and kill(process):
            done[kind] += 1
            print(f"{sum(done.values())}/{kills} {kind}", file=sys.stderr, flush=True)
    for process in processes(workspace.folder):
        process.wait()  # trainers that outlived their snakemake
    return {"killed": dict(done), "snakemake_calls": calls}


def repeated_steps(folder: Path) -> dict:
    """From the histories: steps made twice, and attempts that began before a checkpoint."""
    attempts = resumed = behind = made = twice = 0
    for path in folder.glob("results/runs/*/state/history.jsonl"):
        saved: Counter[str] = Counter()
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "checkpoint":
                saved[event["key"]] = max(saved[event["key"]], event["step"])
            if event["event"] == "start":
                attempts += 1
                twice += max(0, event["reached"] - event["step"])
                resumed += event["step"] > 0
                behind += event["step"] < saved[event["key"]]
            if event["event"] == "finished":
                made += event["step"]
    return {
        "attempts": attempts,
        "resumed": resumed,
        "began_before_a_checkpoint": behind,
        "steps": made,
        "steps_made_twice": twice,
    }


def differing(calm: Path, hit: Path) -> dict:
    """Files whose bytes differ or that one study lacks."""
    tables = {p.relative_to(calm) for p in calm.glob("results/**/*.csv") if "runs" not in p.parts}
    experiments = load_study(yaml.safe_load((calm / "config.yaml").read_text())).experiments
    runs = {run for selected in experiments.values() for run in selected}
    names = sorted(tables | {Path("results/runs", run, name) for run in runs for name in COMPARED})
    wrong = [
        str(name)
        for name in names
        if not (hit / name).is_file() or file_sha256(calm / name) != file_sha256(hit / name)
    ]
    return {"compared": len(names), "differing": wrong}


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--steps", type=int, default=1000, help="optimiser steps of a run")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    rng = random.Random(given.seed)
    random.seed(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calm, hit = (configured(folder / name, given.steps) for name in ("calm", "hit"))
        started = time.monotonic()
        done = calm.snakemake("--cores", "2", *TARGETS)
        if done.returncode:
            raise SystemExit(done.stdout[-3000:])
        # timings do not repeat: the second study gets those of the first, as finished jobs
        calm_s = time.monotonic() - started
        for kept in ("results", ".snakemake"):
            subprocess.run(["cp", "-a", calm.folder / kept, hit.folder / kept], check=True)
        for gone in ("runs", "unified", "audits", "claims", "learning_rate", "ngram"):
            subprocess.run(["rm", "-rf", hit.folder / "results" / gone], check=True)
        started = time.monotonic()
        outcome = run_killed(hit, given.kills, rng, folder / "snakemake.log")
        result = {
            **outcome,
            **repeated_steps(hit.folder),
            **differing(calm.folder, hit.folder),
            "seconds_undisturbed": round(calm_s),
            "seconds_killed": round(time.monotonic() - started),
            "steps_of_a_run": given.steps,
            "cpu": environment()["cpu"],
            "packages": environment()["packages"],
        }
    publish(result, given.out)


if __name__ == "__main__":
    main()
