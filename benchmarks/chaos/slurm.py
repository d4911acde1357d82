"""The quick study by way of sbatch, with a cancelled run and a lost node, beside one left alone.

    python benchmarks/chaos/slurm.py --out benchmarks/results/chaos_slurm.json

As root, where Debian's `slurm-wlm` and `munge` are installed (`envs/install.sh slurm`). First the
study without Slurm, then by `profiles/slurm` on a Slurm of one node: once a quarter of its runs are
trained, a run in training is cancelled; at half, the node dies with all that runs on it and comes
back. A `snakemake` call that fails is made again. In the end both studies' tables are compared:
timings alone may differ. Copies lie under the system's temporary folder.
"""

import argparse
import re
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from benchmarks.outcome import publish
from moe_core.provenance import environment
from tests.cluster.one_node_slurm import Node, call, one_node_slurm, wait_for
from tests.workflow.conftest import Workspace, copy_of_repository, small_config

TIMING = re.compile(r"(^|_)(mfu|memcpy_share|matmul_peak_flops)$|_per_s(_min|_max|_low|_high)?$")
QUICK = ("--config", "scale=quick", "device=cpu")
MOST_CALLS = 4
DAY = 24 * 3600


def calls(made: Workspace, *arguments: str) -> int:
    """Call snakemake until it succeeds; how often it took."""
    for count in range(1, MOST_CALLS + 1):
        done = made.snakemake(*arguments, *QUICK)
        if done.returncode == 0:
            return count
    raise RuntimeError(f"{MOST_CALLS} calls of snakemake failed: {done.stdout[-4000:]}")


def trained(made: Workspace) -> int:
    return len(list(made.folder.glob("results/runs/*/summary.json")))


def disturb(made: Workspace, node: Node, runs: int, under_way: Future[int]) -> None:
    """Cancel a run in training, and later lose the node while one is."""

    def in_training(share: float) -> list[str]:
        if under_way.done():
            raise RuntimeError(f"the study ended before it was disturbed: {under_way.result()}")
        return node.running("train") if trained(made) >= share * runs else []

    cancelled, *_ = wait_for("a quarter of the runs", lambda: in_training(1 / 4), DAY)
    call("scancel", cancelled)
    wait_for("half of the runs", lambda: in_training(1 / 2), DAY)
    node.fail()
    node.start()


def tables(made: Workspace) -> dict[str, Path]:
    """The CSVs of a study, but for what training keeps for itself."""
    results = made.folder / "results"
    found = {path.relative_to(results).as_posix(): path for path in results.rglob("*.csv")}
    return {
        name: path
        for name, path in found.items()
        if "/state/" not in name and not name.startswith("reference/")
    }


def same_but_timings(one: Path, other: Path) -> bool:
    """Whether two tables agree in every column that is no timing."""
    left, right = (
        table.loc[:, [not TIMING.search(column) for column in table]]
        for table in (pd.read_csv(path, dtype=str) for path in (one, other))
    )
    return left.equals(right)


def comparison(alone: Workspace, disturbed: Workspace) -> dict[str, object]:
    """Names of the tables by how the two studies' agree."""
    ours, theirs = tables(alone), tables(disturbed)
    common = sorted(ours.keys() & theirs.keys())
    identical = [name for name in common if ours[name].read_bytes() == theirs[name].read_bytes()]
    rest = [name for name in common if name not in identical]
    timings = [name for name in rest if same_but_timings(ours[name], theirs[name])]
    return {
        "identical": len(identical),
        "identical_but_timings": timings,
        "different": [name for name in rest if name not in timings],
        "in_one_alone": sorted(ours.keys() ^ theirs.keys()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument(
        "--small", action="store_true", help="one experiment of the tests' study"
    )
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    ran = environment()
    with tempfile.TemporaryDirectory() as made, ThreadPoolExecutor(1) as pool:
        folder = Path(made)
        alone, disturbed = (copy_of_repository(folder / name) for name in ("alone", "disturbed"))
        target = "report_inputs"
        if given.small:
            target = "results/balance/aggregate.csv"
            alone.configure(small_config())
            disturbed.configure(small_config())
        start = time.perf_counter()
        calls(alone, target)
        seconds_alone = time.perf_counter() - start
        with one_node_slurm(folder / "slurm") as node:
            start = time.perf_counter()
            under_way = pool.submit(calls, disturbed, target, "--profile", "profiles/slurm")
            disturb(disturbed, node, trained(alone), under_way)
            count = under_way.result()
            seconds_disturbed = time.perf_counter() - start
            jobs = node.jobs()
        result = {
            "runs": trained(alone),
            "snakemake_calls": count,
            "sbatch": len(jobs),
            "requeues": sum(int(job["Restarts"]) for job in jobs),
            "cancelled": sum(job["JobState"] == "CANCELLED" for job in jobs),
            "failed": sum(job["JobState"] not in ("CANCELLED", "COMPLETED") for job in jobs),
            "seconds": {"alone": seconds_alone, "disturbed": seconds_disturbed},
            "tables": comparison(alone, disturbed),
            **{key: ran[key] for key in ("cpu", "python", "packages")},
        }
    publish(result, given.out)


if __name__ == "__main__":
    main()
