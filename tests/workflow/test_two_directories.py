"""The same study in another place gives the same bytes, wherever no clock is read."""

import json

from moe_core.provenance import file_sha256
from tests.workflow.conftest import copy_of_repository, small_config


def test_another_directory_gives_equal_bytes(finished, tmp_path):
    assert finished.snakemake("--cores", "2", "results/manifest.json").returncode == 0
    manifest = json.loads(finished.read("results/manifest.json"))
    audit = next(f for f in manifest["files_sha256"] if f.startswith("results/audits/runs/"))
    (tmp_path / "with a space, and a longer path").mkdir()
    other = copy_of_repository(tmp_path / "with a space, and a longer path" / "copy of the study")
    other.configure(small_config())
    sweep = [f"results/balance/{name}" for name in ("summary.csv", "aggregate.csv", "balance.png")]
    done = other.snakemake("--cores", "2", *sweep, audit)
    assert done.returncode == 0, done.stdout[-4000:]
    digests = {
        file: file_sha256(other.folder / file)
        for job in manifest["jobs"]
        for file in job["outputs"]
        if not job["timed"] and (other.folder / file).exists()
    }
    assert {*sweep, audit} <= digests.keys()
    assert any(file.endswith("weights.safetensors") for file in digests)
    assert digests == {file: manifest["files_sha256"][file] for file in digests}
