"""Figures of the experiment on images: drawn from few runs, and saying what is missing."""

import importlib
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text
from safetensors.numpy import save_file

from workflow_scripts.vision_tables import Classes, class_expert, specialisation_row

MIXTURE = {"strategy": "top1", "num_experts": 2, "top_k": 1}
SCRIPTS = ("usage", "losses", "classes", "nearest")
NAMED = Classes(["apple", "bear", "cattle", "dolphin"], ["warm", "cold"], [1, 0, 0, 1])
COUNTS_VE = np.array([[4, 0], [0, 4], [1, 3], [3, 1]])


def row(seed: int, balance: str, load: str | None) -> dict[str, Any]:
    """A run of the summary, failed without a load."""
    identity = {"label": "top-1", "balance": balance, "balance_weight": 0.01, "seed": seed}
    identity |= {"cell": balance, "run": f"{balance}-{seed}", "expert_load": load} | MIXTURE
    failure = None if load else "divergence at step 8: loss 9"
    return identity | {"status": "finished" if load else "failed", "failure": failure}


def tables(folder: Path, summary: list[dict[str, Any]]) -> dict[str, list[Path]]:
    """What each figure reads."""
    finished = [r["run"] for r in summary if r["status"] == "finished" and r["strategy"] == "top1"]
    counts = [
        class_expert(COUNTS_VE, NAMED).assign(run=run, router=router)
        for run in finished
        for router in ("trained", "untrained")
    ]
    information = [
        {"run": run, "router": router} | specialisation_row(COUNTS_VE, NAMED)
        for run in finished
        for router in ("trained", "untrained")
    ]
    near = [
        {"run": run, "expert": e, "place": p, "distance": 0.1, "image": e + p, "label": e}
        for run in finished
        for e in (0, 1)
        for p in (0, 1)
    ]
    columns = [*row(0, "none", None)]
    empty = ["run", "router", "label", "class", "superclass", "expert", "images"]
    frames = {
        "summary": pd.DataFrame(summary, columns=columns),
        "classes": pd.concat([pd.DataFrame(columns=empty), *counts]) if counts else None,
        "information": pd.DataFrame(information),
        "nearest": pd.DataFrame(near),
    }
    paths = {name: folder / f"{name}.csv" for name in frames}
    for name, frame in frames.items():
        shown = pd.DataFrame(columns=empty) if frame is None or frame.empty else frame
        shown.to_csv(paths[name], index=False)
    metrics = []
    for one in summary:
        path = folder / one["run"] / "metrics.jsonl"
        path.parent.mkdir()
        path.write_text(
            "".join(
                json.dumps({"step": s, "loss": 2.0, "expert_loss": lost, "expert_load": load})
                + "\n"
                for s, lost, load in ((1, [2, 2], [0.5, 0.5]), (2, [2, None], [1, 0]))
            )
        )
        metrics.append(path)
    image_NCHW = np.arange(4 * 4 * 4, dtype=np.uint8).reshape(4, 1, 4, 4)
    save_file({"image_NCHW": image_NCHW}, folder / "test.safetensors")
    return {
        "usage": [paths["summary"]],
        "losses": [paths["summary"], *metrics],
        "classes": [paths["summary"], paths["information"], paths["classes"]],
        "nearest": [
            *(paths[name] for name in ("summary", "classes", "nearest")),
            folder / "test.safetensors",
        ],
    }


Draw = Callable[[str, list[dict[str, Any]]], Figure]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Draw]:
    """A figure as its script draws it; a glyph or layout that fails is an error."""

    def drawn_by(name: str, summary: list[dict[str, Any]]) -> Figure:
        module = importlib.import_module(f"workflow_scripts.vision_{name}")
        options = [f"--{kind}={tmp_path / kind}" for kind in ("pdf", "png")]
        files = map(str, tables(tmp_path, summary)[name])
        options += ["--balanced", json.dumps(MIXTURE), "--table", *files]
        monkeypatch.setattr("sys.argv", [name, *options])
        figures: list[Figure] = []
        monkeypatch.setattr(module, "save", lambda figure, *_: figures.append(figure))
        module.main()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figures[0].canvas.draw()
        return figures[0]

    yield drawn_by
    plt.close("all")


def words(figure: Figure) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


ALL_FAILED = [row(0, "none", None), row(1, "none", None)]
SOME = [
    row(0, "none", None),
    row(1, "none", "0.9 0.1"),
    row(2, "none", "0.3 0.7"),
    row(0, "switch", "0.5 0.5"),
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_failed_runs_are_told(draw: Draw, name: str) -> None:
    told = words(draw(name, ALL_FAILED))
    assert "2 of 2" in told
    assert "failed: divergence at step 8" in told or "no run to draw" in told


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_study_without_the_mixture_says_so(draw: Draw, name: str) -> None:
    dense = dict.fromkeys(("num_experts", "top_k", "balance", "balance_weight"))
    other = row(0, "none", None) | {"strategy": "dense"} | dense
    assert "no run to draw" in words(draw(name, [other]))


def test_usage_is_sorted_by_run_before_seeds_are_averaged(draw: Draw) -> None:
    figure = draw("usage", SOME)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([0.8, 0.2])
    assert "1 of 3" in words(figure)


def test_losses_have_a_line_an_expert_where_it_has_images(draw: Draw) -> None:
    figure = draw("losses", SOME)
    lines = [len(c.get_segments()) for c in figure.axes[0].findobj(LineCollection)]
    assert lines == [1, 0]
    assert "no balance" in figure.axes[0].get_title()
    assert "Switch loss 0.01" in figure.axes[1].get_title()


def test_classes_are_shares_of_their_images(draw: Draw) -> None:
    figure = draw("classes", SOME)
    trained = figure.findobj(QuadMesh)[0].get_array()
    # "cold" goes to expert 0 and comes first: apple, dolphin, then bear, cattle
    assert np.asarray(trained) == pytest.approx(
        np.array([[1, 0], [0.75, 0.25], [0, 1], [0.25, 0.75]])
    )
    told = words(figure)
    assert "warm" in told
    assert "superclass: NMI" in told


def test_nearest_images_stand_beside_their_expert(draw: Draw) -> None:
    figure = draw("nearest", SOME)
    assert "Switch loss 0.01, seed 0" in words(figure)
    assert "expert 0: 50.0% of images most: apple (50%)" in words(figure)
    assert [len(axes.images) for axes in figure.axes] == [2, 2]
