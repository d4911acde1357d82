"""The example of the README runs, and what it prints is what its files say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "swap_the_router.py"


@pytest.mark.slow
def test_two_routers_are_compared_and_one_is_exported(tmp_path):
    assert len(EXAMPLE.read_text().splitlines()) < 60
    command = [sys.executable, "-m", "examples.swap_the_router", str(tmp_path / "made")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    read = {}
    for path in (tmp_path / "made" / "runs").glob("*/summary.json"):
        summary = json.loads(path.read_text())
        strategy = summary["spec"]["model"]["moe"]["strategy"]
        read.setdefault(strategy, []).append(summary["test"]["bits_per_byte"])
    assert {name: len(found) for name, found in read.items()} == {"softk": 2, "loss_free": 2}
    means = {name: sum(found) / 2 for name, found in read.items()}
    told = re.search(
        r"softk less loss_free: ([+-][\d.]+) \[([+-][\d.]+), ([+-][\d.]+)\]", done.stdout
    )
    assert told, done.stdout
    difference, low, high = map(float, told.groups())
    assert difference == pytest.approx(means["softk"] - means["loss_free"], abs=6e-4)
    assert low < difference < high
    assert "MixtralForCausalLM: One day" in done.stdout


@pytest.mark.parametrize(
    ("folder", "words"),
    [([], "usage: python -m examples.swap_the_router"), (["."], "checkpoint: is there already")],
)
def test_what_it_cannot_do_it_says_before_it_trains(tmp_path, folder, words):
    (tmp_path / "checkpoint").mkdir()
    command = [sys.executable, "-m", "examples.swap_the_router", *(tmp_path / f for f in folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stories.txt").exists()
