import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from sklearn.datasets import load_digits

from moe_core.errors import StudyError
from moe_core.images.cifar_hub import hub_images
from moe_core.images.config import ImagesConfig, image_files, images_spec
from moe_core.images.digits import digit_images
from moe_core.images.image_set import open_images
from workflow_scripts.images import main

FIELDS = ("train", "test", "img", "fine_label", "coarse_label")


def test_digits() -> None:
    found = digit_images(8)
    theirs = load_digits()
    assert found.test is None
    assert found.classes == list("0123456789")
    pixels = found.train.image_NCHW[:, 0].numpy()
    assert np.abs(pixels / 255 - theirs.images / 16).max() <= 0.5 / 255 + 1e-12
    assert found.train.label_N.tolist() == theirs.target.tolist()
    larger = digit_images(16).train.image_NCHW
    assert larger.shape == (1797, 1, 16, 16)
    # bilinear by two: three quarters of the nearest pixel, one of the next, along each axis
    v = theirs.images * 255 / 16
    rows = 0.75 * v[:, :-1] + 0.25 * v[:, 1:]
    expected = 0.75 * rows[:, :, :-1] + 0.25 * rows[:, :, 1:]
    assert np.abs(larger[:, 0, 1:-1:2, 1:-1:2].numpy() - expected).max() <= 0.5 + 1e-9
    assert torch.equal(larger[:, :, 0, 0], found.train.image_NCHW[:, :, 0, 0])


Hub = Callable[..., str]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A local folder as uoft-cs/cifar100 has it: Parquet with images as PNG, named labels."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    features = datasets.Features(
        {
            "img": datasets.Image(),
            "fine_label": datasets.ClassLabel(names=["cat", "cod", "dog"]),
            "coarse_label": datasets.ClassLabel(names=["fish", "mammals"]),
        }
    )

    def made(name: str = "cifar", **columns: list[Any]) -> str:
        for split in ("train", "test"):
            rows = {"img": images(4), "fine_label": [0, 1, 2, 0], "coarse_label": [1, 0, 1, 1]}
            if split == "test":
                rows |= columns
            table = datasets.Dataset.from_dict(rows, features=features)
            (tmp_path / name).mkdir(exist_ok=True)
            table.to_parquet(tmp_path / name / f"{split}-00000-of-00001.parquet")
        return str(tmp_path / name)

    return made


def images(count: int, shape: tuple[int, ...] = (32, 32, 3)) -> list[Image.Image]:
    drawn = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    return [Image.fromarray(pixels) for pixels in drawn]


def test_hub(hub: Hub) -> None:
    folder = hub()
    found = hub_images(folder, "abc123", *FIELDS)
    expected = np.stack([np.asarray(image) for image in images(4)]).transpose(0, 3, 1, 2)
    assert np.array_equal(found.train.image_NCHW.numpy(), expected)
    assert found.train.label_N.tolist() == [0, 1, 2, 0]
    assert found.train.image_NCHW.is_contiguous()  # or it cannot be stored
    assert (found.classes, found.superclasses) == (["cat", "cod", "dog"], ["fish", "mammals"])
    assert found.superclass_of == [1, 0, 1]
    assert found.origin == {"source": "hub", "name": folder, "revision": "abc123"}
    alone = hub_images(folder, "main", *FIELDS[:4], None)
    assert (alone.superclasses, alone.superclass_of) == ([], [])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({1: "validation"}, r"images\.hub\.name: cannot read .* set images\.source to digits"),
        ({2: "image"}, r"images\.hub\.image_field: no field 'image' of images; fields: img, fine"),
        ({3: "img"}, r"images\.hub\.label_field: no field 'img' of named classes"),
        ({4: "group"}, r"images\.hub\.coarse_field: no field 'group' of named classes"),
    ],
)
def test_hub_wrong_names(hub: Hub, changed: dict[int, str], words: str) -> None:
    asked = [changed.get(i, field) for i, field in enumerate(FIELDS)]
    with pytest.raises(StudyError, match=words):
        hub_images(hub(), "main", *asked)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"fine_label": [0, 1, None, 0]}, "label_field: split test: an image is without"),
        ({"coarse_label": [0, 0, 1, 1]}, "class 'cat' are of two superclasses"),
        ({"img": [None, *images(3)]}, "split test, row 0: no image"),
        ({"img": images(3) + images(1, (32, 31, 3))}, "row 3: 31 x 32 pixels, not 32 x 32"),
        ({"img": images(4, (8, 8))}, "test_split: has other classes or sizes"),
    ],
)
def test_hub_wrong_rows(hub: Hub, columns: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        hub_images(hub(**columns), "main", *FIELDS)


def config(path: Path | str, source: str = "folder", **changes: Any) -> ImagesConfig:
    return ImagesConfig(
        source=source,
        valid_fraction=0.2,
        test_fraction=0.2,
        digits={"size": 8},
        hub={
            "name": "uoft-cs/cifar100",
            "revision": "aadb3af77e9048adbea6b47c21a81e47dd092ae5",
            "train_split": "train",
            "test_split": "test",
            "image_field": "img",
            "label_field": "fine_label",
            "coarse_field": None,
        },
        folder={"path": str(path)},
        **changes,
    )


def test_config_and_files(folder: Path) -> None:
    assert image_files(config(folder)) == [folder / name for name in ("train", "test", "meta")]
    assert image_files(config("absent", "digits")) == image_files(config("absent", "hub")) == []
    assert images_spec(config("a"))["options"] == {"path": "a"}
    assert images_spec(config("a"))["test_fraction"] == 0  # the folder has a test set
    assert images_spec(config("a", "digits"))["test_fraction"] == 0.2
    (folder / "test").unlink()
    (folder / "test").mkdir()
    with pytest.raises(StudyError, match=rf"^images\.folder\.path: {folder}/test is no file; unp"):
        image_files(config(folder))
    with pytest.raises(ValidationError):
        config(folder, extra=1)


def test_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def run(asked: ImagesConfig) -> str:
        spec, out = json.dumps(images_spec(asked)), str(tmp_path / asked.source)
        monkeypatch.setattr(sys, "argv", ["images", "--spec", spec, "--folder", out])
        main()
        return capsys.readouterr().out

    told = run(config(folder))
    found = open_images(tmp_path / "folder")
    train, valid = (len(found.splits[split]) for split in ("train", "valid"))
    assert told == (
        f"images: train {train}, valid {valid}, test 30\n"
        "these files are not those of the published CIFAR-100\n"
        "of test, train has 0 too, and valid 0\n"
    )
    assert train + valid == 120
    assert found.superclass_of == [i // 5 for i in range(10)]
    assert "images: train 1," in run(config("absent", "digits"))
    assert open_images(tmp_path / "digits").splits["test"].image_NCHW.shape[1:] == (1, 8, 8)
