"""The example of CONTRIBUTING.md: one file, and tests and workflow take the strategy up."""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import ROOT, Workspace

NAME = "example_of_the_guide"  # the reader of the guide may have used the guide's


@pytest.fixture(scope="module")
def extended(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The finished study with the example's file in place and its name in the configuration."""
    folder = tmp_path_factory.mktemp("extended") / "repository"
    shutil.copytree(finished.folder, folder)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    path = re.search(r"`(moe_core/routing/strategies)/\w+\.py`", guide)[1]
    workspace = Workspace(folder)
    workspace.write(f"{path}/{NAME}.py", re.search(r"```python\n(.*?)```", guide, re.S)[1])
    config = yaml.safe_load(workspace.read("config.yaml"))
    config["experiments"]["unified"]["strategies"].append(NAME)
    workspace.configure(config)
    return workspace


def test_the_property_tests_hold_it_to_its_declaration(extended):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", NAME, "tests/routing", "tests/model"],
        cwd=extended.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 30


def test_it_is_trained_timed_audited_tabulated_and_drawn(extended):
    planned = extended.snakemake("-n", "unified").stdout
    trained = set(re.findall(r"output: results/runs/(\w+?)-", planned))
    assert trained == {NAME}, "nothing else is trained again"
    names = ("ranking", "frontier", "overlay", "load_quality")
    figures = [f"results/unified/{name}.png" for name in names]
    before = [(extended.folder / figure).read_bytes() for figure in figures]
    tables = ["results/report/unified_table.tex", "results/report/audit_table.tex"]
    done = extended.snakemake("--cores", "2", *figures, *tables)
    assert done.returncode == 0, done.stdout[-2000:]
    for figure, old in zip(figures, before, strict=True):
        assert (extended.folder / figure).read_bytes() != old
    cells = pd.read_csv(extended.folder / "results/unified/aggregate.csv").set_index("strategy")
    assert cells.loc[NAME, "n"] == 2
    assert cells.loc[NAME, "tokens_per_s"] > 0
    audits = pd.read_csv(extended.folder / "results/audits/audits.csv")
    assert audits[audits.strategy == NAME].passed.all()
    for table in tables:
        assert "sharp top-" in extended.read(table)
