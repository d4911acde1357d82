"""A small experiment by way of sbatch: undisturbed, cancelled, and on a node that fails."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from moe_core.study import load_study
from tests.cluster.one_node_slurm import Node, call, obstacle, one_node_slurm, wait_for
from tests.workflow.conftest import Workspace, copy_of_repository, small_config

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(obstacle() is not None, reason=str(obstacle())),
]
# two runs of a tokenizer of their own, and no timings
TABLES = ["results/subword/summary.csv", "results/subword/aggregate.csv"]
STEPS = 2000
BY_SLURM = ["--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "4"]


def tiny_config() -> dict:
    """The small study with runs that take seconds, long enough to lose them in the middle."""
    config = small_config()
    config["experiments"]["unified"] |= {"strategies": ["softk"], "shared_expert": []}
    config["scales"]["quick"]["sweep"]["steps"] = STEPS
    config["experiments"]["perft"]["methods"] = ["perft_s"]
    config["scales"]["quick"]["adapters"]["seeds"] = [0]
    config["execution"]["checkpoint_seconds"] = 0.1
    return config


STUDY = load_study(tiny_config())
RUNS = STUDY.experiments["subword"]


def workspace(folder: Path) -> Workspace:
    made = copy_of_repository(folder / "repository")
    made.configure(tiny_config())
    return made


def tables(made: Workspace) -> dict[str, str]:
    """What must not depend on where or how often a job ran."""
    runs = [
        f"results/runs/{run}/{name}" for run in RUNS for name in ("stories.csv", "metrics.jsonl")
    ]
    return {path: made.read(path) for path in [*TABLES, *runs]}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tables of a run without Slurm."""
    made = workspace(tmp_path_factory.mktemp("local"))
    done = made.snakemake("--cores", "2", "--", *TABLES)
    assert done.returncode == 0, done.stdout[-4000:]
    return tables(made)


@pytest.fixture(scope="module")
def submitted(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same by way of sbatch, with a GPU for each training run."""
    made = workspace(tmp_path_factory.mktemp("cluster"))
    done = made.snakemake(*BY_SLURM, "--set-resources", "train:gpu=1", "--", *TABLES)
    assert done.returncode == 0, done.stdout[-4000:]
    return made


class Disturbed:
    """One of the two runs, trained anew by way of sbatch while something happens to it."""

    def __init__(self, made: Workspace, node: Node, pool: ThreadPoolExecutor) -> None:
        self.node, self.before = node, len(node.jobs())
        self.state = made.folder / f"results/runs/{RUNS[0]}/state"
        shutil.rmtree(self.state.parent)
        shutil.rmtree(made.folder / "results/subword")
        self.snakemake: Future[CompletedProcess[str]] = pool.submit(
            made.snakemake, *BY_SLURM, "--", *TABLES
        )
        wait_for("the run to be trained", lambda: self.step() >= 50, seconds=120)
        (self.job,) = node.running("train")

    def step(self) -> int:
        """How far the run is."""
        progress = self.state / "progress.json"
        return json.loads(progress.read_text())["step"] if progress.exists() else 0

    def history(self) -> list[tuple[str, int]]:
        """What happened to the run, and at which step; checkpoints left out."""
        lines = (self.state / "history.jsonl").read_text().splitlines()
        events = [(event["event"], event["step"]) for event in map(json.loads, lines)]
        return [event for event in events if event[0] != "checkpoint"]

    def end(self) -> list[dict[str, str]]:
        """Wait for Snakemake, which must succeed; the jobs that it submitted."""
        done = self.snakemake.result()
        assert done.returncode == 0, done.stdout[-4000:]
        return self.node.jobs()[self.before :]


@pytest.fixture
def disturbed(submitted: Workspace, node: Node) -> Iterator[Disturbed]:
    with ThreadPoolExecutor(1) as pool:
        yield Disturbed(submitted, node, pool)


def test_tables_are_those_of_a_run_without_slurm(submitted, expected):
    assert tables(submitted) == expected


def test_a_job_asks_for_what_its_rule_says(submitted, node):
    jobs = [job for job in node.jobs() if "rule_train_" in job["Comment"]]
    assert len(jobs) == 2
    for job in jobs:
        assert job["TresPerJob"] == "gres:gpu:1"
        assert (job["MinMemoryNode"], job["TimeLimit"]) == ("4000M", "1-00:00:00")
        assert job["OverSubscribe"] == "OK"
    others = [job for job in node.jobs() if job not in jobs]
    assert others
    assert not any("TresPerJob" in job for job in others)


def test_seconds_of_work_are_no_jobs(submitted, node):
    assert {job["Comment"].split("_")[1] for job in node.jobs()} == {"tokens", "train", "ngram"}


def test_a_cancelled_run_is_submitted_again(disturbed, submitted, expected):
    call("scancel", disturbed.job)
    jobs = disturbed.end()
    assert [job["JobState"] for job in jobs] == ["CANCELLED", "COMPLETED"]
    began, asked, resumed, ended = disturbed.history()
    assert [began, ended] == [("start", 0), ("finished", STEPS)]
    assert asked == ("terminated", resumed[1])
    assert resumed[1] >= 50
    assert tables(submitted) == expected


def test_a_run_outlives_its_node(disturbed, submitted, node, expected):
    node.fail()
    node.start()
    (job,) = disturbed.end()
    assert (job["JobId"], job["JobState"], job["Restarts"]) == (disturbed.job, "COMPLETED", "1")
    began, resumed, ended = disturbed.history()
    assert [began, ended] == [("start", 0), ("finished", STEPS)]
    assert resumed[1] > 0
    assert tables(submitted) == expected


def test_a_timing_has_its_node_to_itself(submitted, node):
    (shape, *_) = STUDY.shapes
    assert submitted.snakemake("--cores", "2", "data").returncode == 0
    done = submitted.snakemake(*BY_SLURM, "--", f"results/throughput/{shape}.json")
    assert done.returncode == 0, done.stdout[-4000:]
    job = node.jobs()[-1]
    assert "rule_throughput_" in job["Comment"]
    assert job["OverSubscribe"] == "NO"
