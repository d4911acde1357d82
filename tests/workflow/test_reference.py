"""The manifest names what came out, and only a finished study becomes the reference."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml

from moe_core.provenance import file_sha256
from moe_core.study import load_study
from workflow_scripts.reference import tables_and_figures


@pytest.fixture(scope="module")
def manifest(finished):
    done = finished.snakemake("--cores", "2", "results/manifest.json")
    assert done.returncode == 0, done.stdout[-4000:]
    return json.loads(finished.read("results/manifest.json"))


def store(finished, folder):
    """Call the command on a folder's results."""
    command = [sys.executable, "-m", "workflow_scripts.reference", "--manifest"]
    command += [str(folder / "results/manifest.json"), "--out", str(folder / "reference")]
    return subprocess.run(command, cwd=finished.folder, capture_output=True, text=True)


@pytest.fixture
def copy(finished, manifest, tmp_path):
    """The tables and figures of the study, as if they were of a real scale."""
    for name in tables_and_figures(manifest["files_sha256"]):
        (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(finished.folder / "results" / name, tmp_path / "results" / name)
    configuration = manifest["configuration"]
    scale = configuration["scale"] | {"smoke": False}
    real = manifest | {"configuration": configuration | {"scale": scale}}
    (tmp_path / "results/manifest.json").write_text(json.dumps(real))
    return tmp_path


def test_manifest_digests_what_came_out_and_counts_every_run(finished, manifest):
    assert manifest["configuration"]["scale"]["name"] == "quick"
    study = load_study(yaml.safe_load(finished.read("config.yaml")))
    assert sum(e["runs"] for e in manifest["environments"]) == len(study.all_runs)
    for name, digest in manifest["files_sha256"].items():
        assert file_sha256(finished.folder / name) == digest


def test_a_smoke_run_is_no_reference(finished, manifest, copy):
    (copy / "results/manifest.json").write_text(json.dumps(manifest))
    done = store(finished, copy)
    assert done.returncode != 0
    assert "a smoke run is no reference" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (copy / "reference").exists()


def test_reference_is_the_files_of_the_manifest(finished, manifest, copy):
    (copy / "reference/earlier").mkdir(parents=True)
    for name in ("earlier/old.csv", "README.md"):
        (copy / "reference" / name).write_text("")
    done = store(finished, copy)
    assert done.returncode == 0, done.stderr
    files = [p for p in (copy / "reference").rglob("*") if p.is_file()]
    stored = {str(p.relative_to(copy / "reference")) for p in files}
    assert stored == {"README.md", "manifest.json", *tables_and_figures(manifest["files_sha256"])}


def test_results_that_changed_are_no_reference(finished, copy):
    (copy / "results/claims/ledger.csv").write_text("other\n")
    done = store(finished, copy)
    assert done.returncode != 0
    assert "is not what the manifest says" in done.stderr
    assert not (copy / "reference").exists()
