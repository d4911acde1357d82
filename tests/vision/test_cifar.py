"""CIFAR-100's own folder, from its pickles to tables, by the commands that the workflow runs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from moe_core.runs import canonical
from moe_core.study import image_set_spec, load_study
from tests.configurations import ROOT, changed
from tests.images.conftest import cifar_folder
from workflow_scripts import images, vision_arms, vision_routing, vision_summary, vision_tables


def call(monkeypatch: pytest.MonkeyPatch, module: Any, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", [module.__name__, *map(str, arguments)])
    module.main()


def test_from_the_folder_to_what_experts_tell_of_superclasses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cifar_folder(tmp_path / "cifar-100-python", train=1000, test=200)
    mixture = {"strategy": "top1", "num_experts": 4, "top_k": 1}

    def small(config: dict[str, Any]) -> None:
        config["images"] |= {"source": "folder", "folder": {"path": str(folder)}}
        config["experiments"]["vision"] |= {"mixtures": [mixture], "balanced": mixture}
        scale = config["scales"]["quick"]["vision"]
        scale |= {"seeds": [0], "most": 1, "channels": [4, 8], "gate_channels": [4]}
        scale["training"] |= {"steps": 4, "warmup_steps": 1, "evaluate_every": 2, "flip": True}

    study = load_study(changed(small))
    stored, runs, tables = tmp_path / "images", tmp_path / "runs", tmp_path / "tables"
    tables.mkdir()
    call(monkeypatch, images, "--spec", image_set_spec(study), "--folder", stored)
    name, spec = next(iter(study.vision.items()))
    train = ["workflow_scripts.train_images", "--spec", canonical(spec), "--code", "c"]
    places = ["--images", stored, "--folder", runs / name, "--checkpoint-seconds", "9"]
    subprocess.run([sys.executable, "-m", *map(str, [*train, *places])], cwd=ROOT, check=True)
    summary, routing = tables / "summary.csv", tables / "routing.parquet"
    summaries = ["--runs", runs / name / "summary.json"]
    call(monkeypatch, vision_summary, *summaries, "--out", summary)
    call(monkeypatch, vision_arms, "--table", summary, "--runs", runs, "--out", tables / "arms.csv")
    near = ["--routing", routing, "--nearest", tables / "nearest.csv"]
    call(monkeypatch, vision_routing, *summaries, "--images", stored, *near)
    told = ["--specialisation", tables / "told.csv", "--classes", tables / "classes.csv"]
    meta = ["--meta", stored / "meta.json"]
    call(monkeypatch, vision_tables, "--summary", summary, "--routing", routing, *meta, *told)
    (row,) = pd.read_csv(summary).to_dict("records")
    assert (row["images"], row["status"], row["test_images"]) == ("cifar100", "finished", 200)
    arm = pd.read_csv(tables / "arms.csv").iloc[0]
    assert 0 <= arm.accuracy <= 1
    classes = pd.read_csv(tables / "classes.csv")
    assert classes[classes.router.eq("trained")].images.sum() == 200
    assert pd.read_csv(tables / "told.csv").superclass_nats.notna().all()
