"""Every name leads to its runs, through the manifest and the numbers alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moe_core.errors import StudyError
from moe_core.lineage import trace

RUNS = ("softk-s0-aa", "softk-s1-bb", "dense-s0-cc")


def job(rule, code, inputs, outputs, timed=False):
    return {"rule": rule, "code": code, "inputs": inputs, "outputs": outputs, "timed": timed}


def trained(run, name):
    return f"results/runs/{run}/{name}"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Manifest and numbers of three runs, of which one is timed."""
    summary, table = "results/unified/summary.csv", str(tmp_path / "aggregate.csv")
    tokens, timing = "results/tokens/char/meta.json", "results/throughput/softk.json"
    jobs = [
        job("tokens", "c0", ["stories.txt"], [tokens]),
        *(
            job("train", f"c-{run}", [tokens], [trained(run, "metrics.jsonl"), trained(run, "s")])
            for run in RUNS
        ),
        job("throughput", "c1", [tokens], [timing], timed=True),
        job("summary", "c2", [*(trained(r, "s") for r in RUNS), timing], [summary], timed=True),
        job("aggregate", "c3", [summary], [table], timed=True),
        job("numbers", "c5", [table], ["numbers.json"], timed=True),
        job("overlay", "c4", [trained(r, "metrics.jsonl") for r in RUNS], ["overlay.png"]),
    ]
    manifest = {
        "jobs": jobs,
        "files_sha256": {file: f"sha-{file}" for job in jobs for file in job["outputs"]},
        "runs": {
            run: {
                "cell": run.partition("-")[0],
                "seed": int(run[-4]),
                "spec": f"spec-{run}",
                "code": f"c-{run}",
                "tokens": "char",
                "tokens_sha256": "t0",
                "environment": int(run.startswith("dense")),
                "status": "finished",
            }
            for run in RUNS
        },
        "environments": [
            {
                "commit": commit,
                "dirty": False,
                "python": "3.11.7",
                "packages": {"torch": "2.13.0"},
                "process": {"device_name": "a CPU"},
            }
            for commit in ("first", "second")
        ],
    }
    plain = {"low": None, "high": None, "n": None, "runs": None}
    numbers = {
        "sources": {"aggregate": {"path": table, "sha256": f"sha-{table}"}},
        "numbers": {
            "best/bits": plain
            | {"value": 2.5, "source": "aggregate", "runs": "softk-s0-aa softk-s1-bb"},
            "cells": plain | {"value": 2, "source": "aggregate"},
            "steps": plain | {"value": 30, "source": "config"},
        },
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "report").mkdir()
    (tmp_path / "report/numbers.json").write_text(json.dumps(numbers))
    (tmp_path / "aggregate.csv").write_text(
        "cell,runs,runs_dense\nsoftk,softk-s0-aa softk-s1-bb,dense-s0-cc\nngram,,\n"
    )
    return tmp_path


def runs_in(lines):
    return {line.split()[0] for line in lines if line.startswith("  ") and "seed" in line}


def test_a_number_leads_to_the_runs_of_its_cell(results):
    lines = list(trace("best/bits", results))
    assert lines[0] == "best/bits = 2.5"
    assert runs_in(lines) == {"softk-s0-aa", "softk-s1-bb"}
    rules = [line.split()[0] for line in lines if "(code" in line]
    assert rules == ["read", "aggregate", "summary", "train", "throughput", "tokens"]
    text = "\n".join(lines)
    assert "tokens (code c0) from stories.txt" in text
    assert "commit first" in text
    assert "commit second" not in text


def test_a_number_without_runs_leads_to_all_runs_of_its_source(results):
    assert runs_in(trace("cells", results)) == set(RUNS)


def test_a_setting_leads_to_the_configuration(results):
    told, reader = trace("steps", results)
    assert told == "steps = 30, of `configuration` in the manifest"
    assert reader == "read by numbers (code c5)"


def test_a_figure_leads_to_its_runs_and_to_no_timing(results):
    lines = list(trace("overlay.png", results))
    assert runs_in(lines) == set(RUNS)
    assert not any("throughput" in line for line in lines)


def test_a_run_leads_to_its_seed_code_tokens_and_environment(results):
    text = "\n".join(trace("dense-s0-cc", results))
    for found in ("seed 0", "code c-dense-s0-c", "tokens char t0", "commit second", "a CPU"):
        assert found in text


@pytest.mark.parametrize(("line", "runs"), [(2, set(RUNS)), (3, set())])
def test_a_row_leads_to_its_runs(results, line, runs):
    assert runs_in(trace(f"{results / 'aggregate.csv'}:{line}", results)) == runs


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("best/bit", "did you mean 'best/bits'?"),
        ("softk-s1-b", "did you mean 'softk-s1-bb'?"),
        ("overlay.png:2", "only a CSV on disk has rows"),
    ],
)
def test_an_unknown_name_ends_in_one_line(results, what, told):
    with pytest.raises(StudyError, match="trace|overlay") as raised:
        list(trace(what, results))
    assert told in str(raised.value)


def test_a_row_beyond_the_table_ends_in_one_line(results):
    with pytest.raises(StudyError, match="rows are lines 2 to 3"):
        list(trace(f"{results / 'aggregate.csv'}:4", results))


def test_tracing_loads_no_torch():
    code = "import sys, moe_core.lineage; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
