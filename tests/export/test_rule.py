"""The rule and the command, by name of a run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from moe_core.study import load_study
from tests.configurations import DEFAULT, ROOT


def plan(run: str, folder: Path) -> tuple[int, str]:
    """Exit and output of a dry run for the folder of an exported run, as a user types it."""
    target = f"results/export/{run}/"
    command = ["snakemake", target, "--dry-run", "--cores", "1", "--snakefile", ROOT / "Snakefile"]
    shutil.copy(ROOT / "config.yaml", folder)
    options = ["--directory", folder, "--nocolor"]
    done = subprocess.run(
        ["python", "-m", *command, *options], cwd=ROOT, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_a_run_is_planned_by_its_folder_and_trained_first(tmp_path: Path) -> None:
    run = next(r for r in load_study(DEFAULT).runs if r.startswith("softk_pre"))
    status, told = plan(run, tmp_path)
    assert status == 0
    assert f"output: results/export/{run}\n" in told
    assert "rule train:" in told


def test_what_no_class_decodes_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    run = next(r for r in load_study(DEFAULT).runs if r.startswith("remoe"))
    status, told = plan(run, tmp_path)
    assert status != 0
    assert (
        "    export: remoe gives a token no fixed number of experts, as every class does\n" in told
    )


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "moe_core", "export", "nobody", tmp_path / "new"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "error: run: results/runs/nobody holds no finished run; see `python -m moe_core runs`\n"
    )


@pytest.mark.parametrize("name", ["faithful", "exportable"])
def test_planning_needs_no_torch(name: str) -> None:
    program = f"import sys, moe_core.export.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
