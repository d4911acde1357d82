"""What `snakemake preview` says of a finished study and of changes to it."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from moe_core.runs import cell_name
from moe_core.study import load_study
from tests.workflow.conftest import ROOT

WRITTEN = {"preview.json", "logs/preview.log"}


@pytest.fixture
def preview(finished):
    """Function: the text of a preview."""

    def say(*arguments: str) -> str:
        done = finished.snakemake("preview", *arguments)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout[done.stdout.index("snakemake all") :]

    return say


@pytest.fixture
def cells(finished):
    """Name, text and steps of the cell of each run, by run."""
    runs = load_study(yaml.safe_load(finished.read("config.yaml"))).all_runs
    return {
        run: (cell_name(spec), spec.data_name, spec.training.steps) for run, spec in runs.items()
    }


def results(finished):
    """Content of all files of the results, and their times."""
    folder = finished.folder / "results"
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and str(path.relative_to(folder)) not in WRITTEN
    }


def jobs_of(text, rule):
    """How many jobs of a rule, and why."""
    found = re.search(rf"^  {rule} +(\d+) jobs?: (.*)$", text, re.M)
    return (int(found[1]), found[2]) if found else (0, "")


def test_a_finished_study_has_nothing_to_do(finished, preview, cells):
    before = results(finished)
    text = preview()
    assert "nothing to do" in text
    number = len(set(cells.values()))
    assert f"cells     {number} of {number} done" in text
    assert "of results/unified/aggregate.csv" in text
    assert results(finished) == before


def test_changed_code_names_its_jobs_and_their_cost(finished, preview, edited, cells):
    before = results(finished)
    with edited("moe_core/routing/strategies/top1.py", "softmax(-1)", "sigmoid()"):
        text = preview()
    stale = [run for run in cells if run.startswith("top1-")]
    assert jobs_of(text, "train") == (len(stale), f"code changed ({len(stale)})")
    assert jobs_of(text, "audits") == (1, "after audit (1)")
    assert "corpus" not in text
    all_cells = set(cells.values())
    routed = [run for run in cells if run.startswith("perft_r-")]  # softk_pre is of top1's rule
    assert jobs_of(text, "adapt") == (len(routed), f"code changed ({len(routed)})")
    images = [run for run in cells if run.startswith("image-top1-")]
    assert jobs_of(text, "train_images") == (len(images), f"code changed ({len(images)})")
    done = len(all_cells - {cells[run] for run in [*stale, *routed, *images]})
    assert f"cells     {done} of {len(all_cells)} done" in text
    models = [run for run in cells if not run.startswith(("perft_", "full-", "image-"))]
    assert f"costs     measured here, {len(models)} trained runs" in text
    hours = re.search(r"hours     (\S+) core-hours, 0.00 GPU-hours, (\S+) by the clock", text)
    # the same jobs were measured: here they were, within what a busy machine does to a job
    kept = json.loads(finished.read("results/preview.json"))
    truth = [
        json.loads(finished.read(job["benchmark"]))["s"] * job["threads"] for job in kept["jobs"]
    ]
    assert len(truth) == sum(int(n) for n in re.findall(r"^  \w+ +(\d+) jobs?:", text, re.M))
    assert float(hours[1]) == pytest.approx(sum(truth) / 3600, rel=0.5, abs=0.01)
    assert results(finished) == before


def test_a_changed_parameter_is_named(preview, reconfigured):
    def steeper(config):
        config["experiments"]["capacity"]["zipf_exponent"] = 1.5

    with reconfigured(steeper):
        text = preview()
    assert jobs_of(text, "microbench") == (1, "parameter spec changed (1)")
    assert jobs_of(text, "manifest")[0] == 1
    assert jobs_of(text, "train")[0] == 0


def test_the_command_line_is_previewed_and_seeds_stand_beside_those_needed(preview, cells):
    text = preview("--config", "corpus={valid_fraction: 0.11}")
    assert jobs_of(text, "corpus") == (1, "parameter spec changed (1)")
    count, why = jobs_of(text, "train")
    assert count > 10
    assert why == f"after tokens ({count})"
    images = {cell for run, cell in cells.items() if run.startswith("image-")}  # read no stories
    assert f"cells     {len(images)} of {len(set(cells.values()))} done" in text
    assert re.search(r"seeds     0.01 bits per byte need \d+ to \d+.*configured 2, of arms", text)


def test_what_was_never_measured_has_no_hours(finished, preview, edited):
    folder = finished.folder / "results"
    (folder / "benchmarks").rename(folder / "elsewhere")
    try:
        with edited("workflow_scripts/ranking.py", "def main", 'NEW = "ranking"\n\n\ndef main'):
            text = preview()
    finally:
        (folder / "elsewhere").rename(folder / "benchmarks")
    assert "costs     no measured costs yet" in text
    assert "core-hours" not in text


def test_a_mistake_ends_in_one_line(finished):
    done = finished.snakemake("preview", "--config", "scale=quik")
    assert done.returncode != 0
    assert "config error: scale: unknown value 'quik' (did you mean 'quick'?)" in done.stdout
    assert "Traceback" not in done.stdout


def test_costs_stand_beside_the_last_preview(finished, preview, edited):
    with edited("workflow_scripts/ranking.py", "def main", 'NEW = "ranking"\n\n\ndef main'):
        assert jobs_of(preview(), "ranking") == (1, "code changed (1)")
        done = finished.snakemake("--cores", "2", "costs")
    assert done.returncode == 0, done.stdout[-3000:]
    costs = pd.read_csv(finished.folder / "results/costs.csv").set_index("rule")
    assert (costs.median_s > 0).all()
    assert costs.loc["train", "flops_per_s"] > 0
    assert costs.loc["train", "startup_s"] >= 0
    assert {*costs.index[costs.flops_per_s.notna()]} == {
        "adapt",
        "throughput",
        "train",
        "train_images",
    }
    truth = pd.read_csv(finished.folder / "results/preview_against_truth.csv").set_index("rule")
    ranking = truth.loc["ranking"]
    assert (ranking.planned_jobs, ranking.measured_jobs) == (1, 1)
    measured = json.loads(finished.read("results/benchmarks/ranking.jsonl"))["s"] / 3600
    assert ranking.measured_core_hours == pytest.approx(measured)
    assert ranking.ratio == pytest.approx(ranking.estimated_core_hours / measured)
    assert finished.snakemake("--cores", "2", "all").returncode == 0


def test_a_preview_does_not_load_torch():
    call = "import sys, workflow_scripts.preview, workflow_scripts.costs; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "torch" not in done.stdout.split()
