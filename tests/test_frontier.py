"""Frontiers of any experiment: where speeds or runs are missing, the figure says so."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from workflow_scripts import frontier, frontier_annotated, gate_balance


def cell(strategy="softk", router="linear", bits=2.0, speed=1000.0, **values) -> dict:
    return {
        "strategy": strategy,
        "label": {"softk": "soft top-k", "top1": "top-1", "hash": "hash"}[strategy],
        "control": False,
        "router": router,
        "capacity_factor": 1.25,
        "shared_hidden": 0.0,
        "num_experts": 8.0,
        "top_k": 1.0 if strategy == "top1" else 2.0,
        "n": 2,
        "n_failed": 0,
        "bits_per_byte": bits,
        "bits_per_byte_low": bits - 0.1,
        "bits_per_byte_high": bits + 0.1,
        "tokens_per_s": speed,
        "tokens_per_s_min": speed - 1,
        "tokens_per_s_max": speed + 1,
        "matmul_peak_flops": 1e9,
        "load_cv": 0.5,
        "load_cv_low": np.nan,
        "load_cv_high": np.nan,
        "router_entropy_nats": 1.5,
        "router_entropy_nats_low": np.nan,
        "router_entropy_nats_high": np.nan,
        **values,
    }


FAILED = {"bits": np.nan, "n": 0, "n_failed": 2, "load_cv": np.nan}


@pytest.fixture
def words(tmp_path, monkeypatch):
    """All text of a figure that a script draws of an experiment's cells."""

    def told(script, experiment: str, cells: list[dict]) -> list[str]:
        table = tmp_path / experiment / "aggregate.csv"
        table.parent.mkdir()
        pd.DataFrame(cells).to_csv(table, index=False)
        options = ["--table", str(table), "--pdf", "x.pdf", "--png", "x.png"]
        monkeypatch.setattr("sys.argv", ["figure", *options])
        figures = []
        monkeypatch.setattr(script, "save", lambda figure, *_: figures.append(figure))
        script.main()
        return [text.get_text() for text in figures[0].findobj(Text)]

    yield told
    plt.close("all")


def test_points_are_named_with_what_the_experiment_changes(words):
    told = words(frontier, "router_nets", [cell(), cell(router="mlp", speed=900.0)])
    assert {"soft top-k, linear", "soft top-k, mlp"} <= set(told)
    assert not any("timed" in text for text in told)


@pytest.mark.parametrize(
    ("speeds", "note"),
    [((np.nan, np.nan), "not timed at this scale"), ((9.0, np.nan), "not all timed")],
)
def test_quality_stands_alone_where_speeds_are_missing(words, speeds, note):
    cells = [cell(router=net, speed=s) for net, s in zip(("linear", "mlp"), speeds, strict=True)]
    told = words(frontier, "router_nets", cells)
    assert any(text.startswith(note) for text in told)
    assert "test bits per byte" in told
    assert "training throughput (thousand tokens/s)" not in told


@pytest.mark.parametrize("script", [frontier, frontier_annotated, gate_balance])
def test_failed_runs_leave_words(words, script):
    told = words(script, "unified", [cell(**FAILED), cell("top1", **FAILED)])
    assert any("finished" in text for text in told)
    assert any("soft top-k 2 of 2" in text for text in told)


def test_regimes_are_named_at_their_points(words):
    cells = [cell("hash", bits=3.0, speed=9e3), cell("top1", bits=2.1, speed=8e3), cell()]
    told = words(frontier_annotated, "unified", cells)
    assert {"high throughput", "balanced", "best quality"} <= set(told)
    assert any("those of 1 of 2 others overlap it" in text for text in told)


def test_a_single_strategy_is_fastest_and_best(words):
    told = words(frontier_annotated, "unified", [cell()])
    assert "high throughput and best quality" in told
    assert any("none is balanced" in text for text in told)


def test_strategies_without_a_gate_are_named(words):
    cells = [cell(), cell("hash", router_entropy_nats=np.nan, load_cv=0.01)]
    told = words(gate_balance, "unified", cells)
    assert "without a gate: hash (load CV 0.01)" in told
