"""Tables of the experiment on images, from counts and runs that are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import moe_core.vision.routed as routed_module
from moe_core.images.image_set import ImageSet, ImageSplit
from moe_core.runs import canonical, run_id
from moe_core.study import load_study
from moe_core.vision.experiment import BALANCES
from moe_core.vision.model import build_image_model
from moe_core.vision.routed import nearest_images, route_images
from tests.vision.conftest import SHAPE, cnn
from workflow_scripts import vision_balance_table, vision_table
from workflow_scripts.aggregate import Stories
from workflow_scripts.vision_arms import IDENTITY, OVER_SEEDS, arm_row
from workflow_scripts.vision_classes import ordered, table_of
from workflow_scripts.vision_summary import run_row
from workflow_scripts.vision_tables import Classes, class_expert, first_choices, specialisation_row

CORRECT = {
    "arm-s0": [1, 1, 0, 0],
    "arm-s1": [1, 1, 1, 0],
    "arm-s2": [1, 1, 1, 1],
    "flops-s0": [1, 0, 0, 0],
    "flops-s1": [0, 0, 0, 0],
    "flops-s2": None,  # failed
    "size-s0": [1, 1, 0, 0],
    "size-s1": [1, 1, 1, 0],
    "size-s2": [1, 1, 1, 1],
}
CHANNELS = {"arm": "8x16", "flops": "9x14", "size": "25x49"}


@pytest.fixture
def runs(tmp_path: Path) -> pd.DataFrame:
    """A mixture, a dense twin of its FLOPs whose last seed failed, and one of its size."""
    rows = []
    for name, correct in CORRECT.items():
        cell, seed = name.split("-s")
        row: dict[str, Any] = dict.fromkeys([*IDENTITY, *OVER_SEEDS])
        row |= {"run": name, "cell": cell, "seed": int(seed), "channels": CHANNELS[cell]}
        row |= {"strategy": "top1" if cell == "arm" else "dense", "status": "failed"}
        row |= {"dense_channels": CHANNELS["flops"], "dense_channels_of_size": CHANNELS["size"]}
        row |= {"params_total": 10, "params_active": 5.0, "flops_active": 4.0, "flops_total": 8.0}
        row |= {"failure": "divergence at step 3: loss 9", "load_cv": float(seed)}
        if correct is not None:
            row |= {"status": "finished", "failure": None}
            (tmp_path / name).mkdir()
            table = {"story": range(4), "bytes": 1, "nats": np.log(2.0), "correct": correct}
            pd.DataFrame(table).to_csv(tmp_path / name / "stories.csv", index=False)
        rows.append(row)
    return pd.DataFrame(rows)


def test_accuracy_is_paired_with_both_twins_by_seed_and_image(
    runs: pd.DataFrame, tmp_path: Path
) -> None:
    arm = runs[runs.cell.eq("arm")]
    row = arm_row(runs, "arm", arm, Stories(tmp_path))
    assert row["accuracy"] == pytest.approx(0.75)
    assert row["bits_per_byte"] == pytest.approx(1)
    # seeds 0 and 1: 1/4 and 3/4 of the images more
    name = "accuracy_minus_dense"
    assert row[name] == pytest.approx(0.5)
    assert (row[f"{name}_n"], row[f"{name}_n_failed"]) == (2, 1)
    assert row[f"{name}_low"] < 0.5 < row[f"{name}_high"]
    assert 0 < row[f"{name}_p"] < 1
    # equal image by image: unpaired, nothing would be known to be zero
    same = f"{name}_of_size"
    assert [row[f"{same}{end}"] for end in ("", "_low", "_high", "_n")] == [0, 0, 0, 3]
    assert row["runs_dense"] == "flops-s0 flops-s1 flops-s2"
    assert (row["load_cv"], row["params_total"], row["n"]) == (1, 10, 3)


def test_dense_models_are_less_of_nothing(runs: pd.DataFrame, tmp_path: Path) -> None:
    row = arm_row(runs, "flops", runs[runs.cell.eq("flops")], Stories(tmp_path))
    assert (row["n"], row["n_failed"]) == (2, 1)
    assert row["failures"] == "seed 2: divergence at step 3"
    assert not [key for key in row if key.startswith("accuracy_minus")]


def test_each_run_of_the_study_has_its_row_and_its_twins() -> None:
    config = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
    study = load_study(config | {"scale": "quick"})
    rest = {"code": "c", "environment": {"commit": "d"}, "process": {"device_name": "e"}}
    failed = {"failure": {"cause": "divergence", "step": 4, "detail": "inf"}, "status": "failed"}
    rows = [
        run_row(
            {"run": run_id(spec), "spec": json.loads(canonical(spec)), "warnings": [], "test": None}
            | failed
            | rest
        )
        for spec in study.vision.values()
    ]
    table = pd.DataFrame(rows)
    assert list(table.run) == list(study.vision)
    assert set(table.failure) == {"divergence at step 4: inf"}
    dense = set(table[table.strategy.eq("dense")].channels)
    mixtures = table[table.num_experts.notna()]
    assert {*mixtures.dense_channels, *mixtures.dense_channels_of_size} <= dense
    assert set(table.balance.dropna()) <= {*BALANCES}
    # the same mixture without balance and with two others
    assert table[table.strategy.eq("top1")].balance.nunique() == 3
    assert table[~table.strategy.isin(["top1", "softk"])].balance.isna().all()


FOUR = Classes(["a", "b", "c", "d"], ["left", "right"], [0, 1, 0, 1])


def test_what_the_expert_tells_of_class_and_superclass() -> None:
    row = specialisation_row(np.array([[30, 0], [0, 30], [30, 0], [0, 30]]), FOUR)
    for of in ("class", "superclass"):
        assert row[f"{of}_nats"] == pytest.approx(np.log(2))
        assert row[f"{of}_nmi"] == pytest.approx(1)
        assert row[f"{of}_p_value"] == 1 / 200
        gain = row[f"{of}_nmi"] - row[f"{of}_null_mean"]
        assert row[f"{of}_nmi_gain"] == pytest.approx(gain)
        assert row[f"{of}_nats_gain"] == pytest.approx(gain * np.log(2))
    assert 0 < row["superclass_null_mean"] < row["class_null_mean"] < row["class_null_high"] < 0.2
    # within superclasses alone: of the superclass nothing is told
    within = specialisation_row(np.array([[30, 0], [30, 0], [0, 30], [0, 30]]), FOUR)
    assert within["class_nmi"] == pytest.approx(1)
    assert within["superclass_nmi"] == pytest.approx(0, abs=1e-9)
    assert within["superclass_nmi_gain"] < 0


def test_a_router_of_one_expert_tells_nothing() -> None:
    row = specialisation_row(np.array([[30, 0], [20, 0]]), Classes(["a", "b"], [], []))
    assert (row["class_nmi"], row["class_nmi_gain"], row["class_p_value"]) == (0, 0, 1)
    assert "superclass_nmi" not in row
    assert specialisation_row(np.zeros((4, 2), dtype=np.int64), FOUR) == {"images": 0}


def test_counts_are_of_first_choices() -> None:
    assignments = pd.DataFrame(
        {"label": [0, 0, 2, 2], "expert": [1, 0, 1, 0], "rank": [0, 1, 0, 1]}
    )
    counts_VE = first_choices(assignments, 4, 2)
    assert counts_VE.tolist() == [[0, 1], [0, 0], [0, 1], [0, 0]]
    table = class_expert(counts_VE, FOUR)
    assert table["class"].to_list() == ["a", "c"]  # what no image does has no row
    assert table[["label", "expert", "images"]].to_numpy().tolist() == [[0, 1, 1], [2, 1, 1]]
    assert class_expert(counts_VE + 1, FOUR).superclass.to_list() == 2 * [
        *("left", "left", "right", "right")
    ]


def test_classes_stand_by_superclass_and_main_expert() -> None:
    # expert 1 has most images; "right" goes to it, "left" to expert 0
    counts_VE = np.array([[9, 0], [2, 8], [5, 5], [0, 20]])
    table = ordered(table_of(class_expert(counts_VE, FOUR), num_experts=3))
    assert table.columns.to_list() == [1, 0, 2]
    assert table.index.to_list() == [("right", "d"), ("right", "b"), ("left", "c"), ("left", "a")]
    plain = class_expert(counts_VE, Classes(FOUR.classes, [], [])).assign(superclass="")
    plain = ordered(table_of(plain, num_experts=2))
    assert plain.index.get_level_values("class").to_list() == ["d", "b", "c", "a"]


def noise() -> ImageSet:
    draw = torch.Generator().manual_seed(0)
    image_NCHW = torch.randint(256, (11, 3, 8, 8), generator=draw, dtype=torch.uint8)
    split = ImageSplit(image_NCHW, torch.arange(11) % 10)
    names = [str(i) for i in range(10)]
    return ImageSet("noise", names, [], [], torch.zeros(3), torch.ones(3), {"test": split}, {})


@pytest.mark.parametrize(("strategy", "top_k"), [("softk", 2), ("expert_choice", 1)])
def test_images_are_routed_alone(
    strategy: str, top_k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = noise()
    config = cnn(strategy, num_experts=4, top_k=top_k, drop_policy="none")
    model = build_image_model(config, SHAPE, seed=0)
    whole = route_images(model, images, images.splits["test"])
    monkeypatch.setattr(routed_module, "BATCH", 3)
    parts = route_images(model, images, images.splits["test"])
    for name in ("image_A", "expert_A", "rank_A"):
        assert (getattr(whole, name) == getattr(parts, name)).all()
    assert whole.x_ND == pytest.approx(parts.x_ND, abs=1e-6)
    assert (whole.weight_A > 0).all()
    later = whole.rank_A[1:] > 0
    assert (whole.image_A[1:][later] == whole.image_A[:-1][later]).all()
    assert (whole.weight_A[1:][later] <= whole.weight_A[:-1][later]).all()
    if strategy == "softk":
        assert np.bincount(whole.image_A).tolist() == [2] * 11
        assert (whole.first_N() == whole.expert_A[::2]).all()


def test_nearest_images_are_near_the_mean_of_the_experts_own() -> None:
    x_ND = np.array([[0, 0], [2, 0], [1, 0.5], [1, 9], [1, 0]], dtype=np.float32)
    first_N = np.array([0, 0, 1, 1, -1])
    found, distance = nearest_images(x_ND, first_N, expert=0, k=3)
    assert found.tolist() == [4, 2, 0]  # of any expert, or none
    assert distance == pytest.approx([0, 0.5, 1])
    assert len(nearest_images(x_ND, first_N, expert=2, k=3)[0]) == 0


def test_typeset_arms_and_gates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds parted by rules, points with intervals, an asterisk by the corrected p, holes."""
    plain = dict.fromkeys([*IDENTITY, *OVER_SEEDS]) | {"n": 2, "n_failed": 0}
    plain |= {"params_total": 1234, "flops_active": 2e6, "accuracy": 0.5}
    ends = {f"accuracy{end}": 0.4 for end in ("_low", "_high")}
    routed = {"label": "top-1", "strategy": "top1", "num_experts": 8, "top_k": 1, "cell": "a"}
    routed |= {"balance": "cv", "balance_weight": 0.1, "channels": "8x16", "dead_experts": 3}
    for twin, p in (("dense", 0.01), ("dense_of_size", 0.2)):
        key = f"accuracy_minus_{twin}"
        routed |= {key: -0.123, f"{key}_low": -0.2, f"{key}_high": 0.01, f"{key}_p_holm": p}
    dense = {"label": "dense", "strategy": "dense", "channels": "9x14", "cell": "d"}
    failed = {"label": "ResNet-18", "strategy": "resnet18", "channels": "8", "accuracy": None}
    failed |= {"n": 0, "n_failed": 2}
    rows = [plain | ends | row for row in (routed, dense, failed)]
    pd.DataFrame(rows).to_csv(tmp_path / "arms.csv", index=False)
    gates = {"cell": "a", "class_nats_gain": 0.7, "class_nmi_gain": 0.33}
    own = [gates | {"router": "trained"}, gates | {"router": "untrained", "class_nmi_gain": 0.2}]
    pd.DataFrame(own).to_csv(tmp_path / "gates.csv", index=False)
    for script, tables in (
        (vision_table, ["arms.csv"]),
        (vision_balance_table, ["arms.csv", "gates.csv"]),
    ):
        paths = [str(tmp_path / name) for name in tables]
        out = str(tmp_path / "table.tex")
        monkeypatch.setattr("sys.argv", ["x", "--table", *paths, "--out", out])
        script.main()
        text = Path(out).read_text().replace(r"\ensuremath{-}", "-")
        if script is vision_table:
            assert text.count(r"\midrule") == 3  # of the head, and between three kinds
            assert r"CV loss 0.1 & 8\,/\,16 & 1{,}234 & 2.00 & 50.0 [40.0, 40.0]" in text
            assert r"-12.3 [-20.0, 1.0]\,$^{*}$ & -12.3 [-20.0, 1.0] &" in text
            assert r"ResNet-18\,$^{\ddagger}$" in text
        else:
            assert "top-1, 1 of 8 & CV loss 0.1 & 3.00 &" in text
            assert "0.70 & 33.0 & 0.70 & 20.0 & 50.0" in text
            assert "dense" not in text.partition("toprule")[2]
