"""A finished study holds to its manifest, and each kind of fault is found and named."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from moe_core.provenance import file_sha256


class Results:
    """A copy of the study's results, to spoil."""

    def __init__(self, root: Path, code: Path) -> None:
        self.root, self.code = root, code
        self.manifest = json.loads((root / "results/manifest.json").read_text())

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.code)},
            capture_output=True,
            text=True,
        )

    def verify(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self.call(
            "workflow_scripts.verify", "--manifest", "results/manifest.json", *arguments
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def spoil(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new, 1))

    def repair(self, name: str) -> None:
        """Let the manifest say what a spoilt file is now."""
        self.manifest["files_sha256"][name] = file_sha256(self.root / name)
        (self.root / "results/manifest.json").write_text(json.dumps(self.manifest))


@pytest.fixture(scope="module")
def _manifest(finished):
    done = finished.snakemake("--cores", "2", "results/manifest.json")
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture
def results(finished, _manifest, tmp_path):
    name = "results/manifest.json"
    for file in [name, *json.loads(finished.read(name))["files_sha256"]]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(finished.folder / file, tmp_path / file)
    return Results(tmp_path, finished.folder)


@pytest.fixture
def short(results):
    """The run with the fewest steps."""
    steps = {
        run: json.loads((results.root / f"results/runs/{run}/summary.json").read_text())
        for run in results.manifest["runs"]
    }
    return min(steps, key=lambda run: steps[run]["spec"]["training"]["steps"])


def test_manifest_lists_every_output(finished, results):
    listed = set(results.manifest["files_sha256"])
    made_by = [file for job in results.manifest["jobs"] for file in job["outputs"]]
    assert sorted(made_by) == sorted(listed)
    other = ("logs", "benchmarks", "data", "tokens")  # the last two: of other tests' corpora, too
    on_disk = {
        str(path.relative_to(finished.folder))
        for folder in (finished.folder / "results").iterdir()
        for path in folder.rglob("*")
        if folder.name not in other and path.is_file() and "state" not in path.parts
    }
    assert on_disk <= listed
    assert ("report/report.pdf" in listed) == bool(shutil.which("latexmk"))
    by_file = {file: job for job in results.manifest["jobs"] for file in job["outputs"]}
    assert by_file["results/unified/frontier.png"]["timed"]
    assert not by_file["results/unified/overlay.png"]["timed"]
    for run, record in results.manifest["runs"].items():
        assert by_file[f"results/runs/{run}/metrics.jsonl"]["code"] == record["code"]


def test_a_sound_study_passes_and_its_sampled_run_repeats(results):
    done = results.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "repeated: " in done.stdout


def test_changed_missing_and_extra_files_are_named(results):
    results.spoil("results/claims/ledger.csv", "C", "c")
    done = results.verify("--no-rerun")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["changed: results/claims/ledger.csv"]
    (results.root / "results/claims/ledger.csv").unlink()
    (results.root / "results/claims/other.csv").write_text("")
    done = results.verify("--no-rerun")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "not in the manifest: results/claims/other.csv",
        "missing: results/claims/ledger.csv",
    ]


def test_a_run_of_other_code_or_tokens_is_named(results, short):
    name = f"results/runs/{short}/summary.json"
    code = results.manifest["runs"][short]["code"]
    results.spoil(name, code, "0" * 64)
    results.manifest["runs"][short]["code"] = "0" * 64
    results.repair(name)
    done = results.verify("--no-rerun")
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if "anew" not in line] == [
        f"run {short}: trained by other code, or another Python than {platform.python_version()}"
    ]
    summary = json.loads((results.root / name).read_text())
    results.spoil(name, summary["tokens_sha256"]["train"], "1" * 64)
    results.repair(name)
    assert f"run {short}: trained on other tokens" in results.verify("--no-rerun").stdout


def test_training_again_finds_what_a_repaired_manifest_hides(results, short):
    name = f"results/runs/{short}/metrics.jsonl"
    results.spoil(name, '"bits_per_byte":', '"bits_per_byte":1')
    results.repair(name)
    assert results.verify("--no-rerun").returncode == 0
    done = results.verify("--run", short)
    assert done.returncode == 1
    assert f"not repeated: {name}" in done.stdout.splitlines()


def test_on_another_machine_bits_per_byte_are_compared(results, short):
    name = f"results/runs/{short}/summary.json"
    summary = json.loads((results.root / name).read_text())
    summary["process"]["device_name"] = "another CPU"
    (results.root / name).write_text(json.dumps(summary, indent=1, sort_keys=True))
    results.repair(name)
    done = results.verify("--run", short)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bytes may differ (device_name was another CPU" in done.stdout


@pytest.mark.parametrize("named", ["number", "row", "audit", "figure", "table", "run"])
def test_every_kind_of_name_leads_to_runs(results, short, named):
    what = {
        "number": "unified/best/bits_per_byte",
        "row": "results/unified/aggregate.csv:2",
        "audit": "results/audits/audits.csv:2",
        "figure": "results/unified/ranking.pdf",
        "table": "results/report/unified_table.tex",
        "run": short,
    }[named]
    done = results.call("moe_core", "trace", what)
    assert done.returncode == 0, done.stderr
    runs = [line for line in done.stdout.splitlines() if line.startswith("  ") and " seed " in line]
    expected = {"number": 2, "row": 2, "audit": 1, "run": 2}  # of adapters, with their base
    if named in expected:
        assert len(runs) == expected[named]
    assert "torch 2." in done.stdout
