"""Tables and the frontier of adapters, from rows that are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.aggregate import Stories
from workflow_scripts.perft_arms import IDENTITY, arm_row
from workflow_scripts.perft_frontier import family
from workflow_scripts.perft_runs import run_row
from workflow_scripts.perft_table import line

SEEDS = (0, 1, 2)
ARM: dict[str, Any] = {
    "strategy": "perft_r",
    "label": "PERFT-R",
    "rank": 8,
    "num_adapters": 4,
    "top_k": 2.0,
    "matched_trainable": True,
    "matched_active": False,
    "task": "commonsense",
    "learning_rate": 1e-3,
    "steps": 10,
    "status": "finished",
    "failure": None,
    "params_trainable": 300,
    "params_trainable_active": 200,
    "params_base": 4000,
    "params_base_active": 1000,
    "chance_accuracy": 0.25,
    "bits_per_byte_at_capacity": np.nan,
    "drop_rate": 0.1,
    "load_cv": 0.5,
    "max_vio": 1.0,
    "gini": 0.2,
    "dead_experts": 0.0,
    "router_entropy_nats": 1.2,
    "marginal_entropy_nats": 1.3,
}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[pd.DataFrame, Stories]:
    """Three seeds on four questions, nats ln 2 * (seed + 1) each, of which a half is right."""
    rows = []
    for seed in SEEDS:
        folder = tmp_path / f"run{seed}"
        folder.mkdir()
        nats = np.full(4, np.log(2) * (seed + 1))
        table = {"story": range(4), "bytes": 1, "nats": nats, "correct": [1.0, 0.0, 0.5, 0.5]}
        pd.DataFrame(table).to_csv(folder / "stories.csv", index=False)
        rows.append(
            ARM | {"cell": "arm", "seed": seed, "run": f"run{seed}", "bits_per_byte": seed + 1}
        )
    return pd.DataFrame(rows), Stories(tmp_path)


def test_an_arm_is_the_mean_of_its_seeds_less_the_base_of_each(
    runs: tuple[pd.DataFrame, Stories],
) -> None:
    table, stories = runs
    base = pd.Series({0: 3.0, 1: 4.0, 2: 5.0})
    row = arm_row("arm", table, base, stories)
    assert row["bits_per_byte"] == pytest.approx(2.0)
    assert row["bits_per_byte_minus_base"] == pytest.approx(-2.0)
    assert row["accuracy"] == pytest.approx(0.5)
    assert row["accuracy_low"] < 0.5 < row["accuracy_high"]  # questions differ, seeds do not
    assert row["trainable_share_active"] == 0.2
    assert {key: row[key] for key in IDENTITY} == {key: ARM[key] for key in IDENTITY}


def test_a_failed_seed_is_counted_and_left_out(runs: tuple[pd.DataFrame, Stories]) -> None:
    table, stories = runs
    table.loc[2, ["status", "failure", "bits_per_byte"]] = ["failed", "divergence at step 3", None]
    row = arm_row("arm", table, pd.Series({0: 3.0, 1: 4.0, 2: 5.0}), stories)
    assert (row["n"], row["n_failed"]) == (2, 1)
    assert row["bits_per_byte"] == pytest.approx(1.5)
    assert r"\ddagger" in line(pd.Series(row))
    table = table.assign(status="failed", failure="divergence at step 3")
    assert "bits_per_byte" not in arm_row("arm", table, pd.Series(dtype=float), stories)


def test_a_line_tells_budget_parameters_and_routing(runs: tuple[pd.DataFrame, Stories]) -> None:
    table, stories = runs
    cells = line(pd.Series(arm_row("arm", table, pd.Series({0: 3.0}), stories))).split(" & ")
    assert cells[:3] == ["PERFT-R", "2 of 4, $r = 8$", "T"]
    assert cells[6:] == ["300", r"20.00\,\%", "0.50", r"10.0\,\%", "1.20", "3"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "PERFT-R, 2 of 4"),
        ({"strategy": "perft_d", "label": "PERFT-D"}, "PERFT-D, 4"),
        ({"strategy": "lora", "label": "LoRA", "num_adapters": 1}, "LoRA"),
    ],
)
def test_a_line_of_the_frontier_joins_ranks(changes: dict[str, Any], name: str) -> None:
    assert family(pd.Series(ARM | changes)) == name


def test_a_row_says_which_budgets_a_run_shares(tmp_path: Path) -> None:
    from moe_core.study import load_study
    from tests.configurations import DEFAULT

    study = load_study(DEFAULT)
    run = study.perft[0]
    summary = {
        "run": run,
        "spec": json.loads(study.adapted[run].model_dump_json()),
        "status": "failed",
        "failure": {"step": 3, "cause": "divergence", "detail": "x", "checkpoint_step": 0},
        "warnings": [],
        "test": None,
        "code": "c",
        "environment": {"commit": None},
        "process": {"device_name": "d"},
    }
    row = run_row(summary, {"trainable": [run], "active": []})
    assert (row["matched_trainable"], row["matched_active"]) == (True, False)
    assert row["bits_per_byte"] is None
    assert row["rank"] == 8
    assert row["top_k"] == 2
