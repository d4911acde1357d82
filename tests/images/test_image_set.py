import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from moe_core.corpus.splits import SPLITS
from moe_core.errors import StudyError
from moe_core.images.image_set import ImageSplit, SourceImages, open_images, write_images
from moe_core.provenance import file_sha256

Made = Callable[..., SourceImages]


def rows(split: ImageSplit) -> list[tuple[bytes, int]]:
    pixels = split.image_NCHW.numpy()
    return [(pixels[i].tobytes(), int(split.label_N[i])) for i in range(len(split))]


def test_every_image_stands_once_in_one_split(source: Made, tmp_path: Path) -> None:
    images = source(400)
    meta = write_images(tmp_path, images, 0.2, 0.3)
    found = open_images(tmp_path)
    assert sorted(row for split in SPLITS for row in rows(found.splits[split])) == sorted(
        rows(images.train)
    )
    for split, share in (("valid", 0.2), ("test", 0.3)):
        # five standard deviations of a binomial
        assert abs(len(found.splits[split]) - 400 * share) < 5 * (400 * share * (1 - share)) ** 0.5
    for split in SPLITS:
        assert found.sha256[split] == file_sha256(tmp_path / f"{split}.safetensors")
        label_N = found.splits[split].label_N
        told = {"images": len(label_N), "classes": torch.bincount(label_N).tolist()}
        assert meta["splits"][split] == told | {"sha256": found.sha256[split]}
    assert json.loads((tmp_path / "meta.json").read_text()) == meta
    assert (found.name, found.classes, found.superclasses) == ("noise", ["even", "odd"], [])


def test_a_split_depends_on_the_image_alone(source: Made, tmp_path: Path) -> None:
    images = source(200)
    write_images(tmp_path / "all", images, 0.2, 0.3)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))[:150].tolist()
    twice = images.train.take(order + order[:50])  # and another label does not matter
    twice.label_N[150:] = 1 - twice.label_N[150:]
    some = SourceImages("noise", ["even", "odd"], [], [], twice, None, {})
    write_images(tmp_path / "some", some, 0.2, 0.3)
    places = {
        pixels: split
        for split, images in open_images(tmp_path / "all").splits.items()
        for pixels, _ in rows(images)
    }
    for split, found in open_images(tmp_path / "some").splits.items():
        assert all(places[pixels] == split for pixels, _ in rows(found))


def test_a_test_set_stays_whole_and_twins_are_counted(source: Made, tmp_path: Path) -> None:
    images = source(300, test=[*range(10), 0])
    meta = write_images(tmp_path, images, 0.3, 0.3)
    found = open_images(tmp_path).splits
    assert images.test is not None
    assert rows(found["test"]) == rows(images.test)
    assert len(found["train"]) + len(found["valid"]) == 300
    pixels = {split: {image for image, _ in rows(found[split])} for split in SPLITS}
    assert not pixels["train"] & pixels["valid"]
    twins = {s: sum(i in pixels[s] for i, _ in rows(found["test"])) for s in ("train", "valid")}
    assert meta["test_twins"] == twins
    assert sum(twins.values()) == 11
    assert min(twins.values()) > 0


def test_moments_are_of_the_training_split(source: Made, tmp_path: Path) -> None:
    write_images(tmp_path, source(300), 0.2, 0.2)
    images = open_images(tmp_path)
    train = images.splits["train"].image_NCHW
    scaled = train.numpy().astype(np.float64) / 255
    assert float(images.mean_C) == pytest.approx(scaled.mean(), rel=1e-6)
    assert float(images.std_C) == pytest.approx(scaled.std(), rel=1e-6)
    normal = images.normalise(train)
    assert normal.dtype == torch.float32
    assert normal.shape == train.shape
    assert float(normal.mean()) == pytest.approx(0, abs=1e-5)
    assert float(normal.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_normalise_is_by_channel(source: Made, tmp_path: Path) -> None:
    images = source(60)
    coloured = torch.cat([images.train.image_NCHW, images.train.image_NCHW // 4], 1)
    train = ImageSplit(coloured, images.train.label_N)
    write_images(tmp_path, SourceImages("two", ["a", "b"], [], [], train, None, {}), 0.2, 0.2)
    found = open_images(tmp_path)
    normal = found.normalise(found.splits["train"].image_NCHW)
    for channel in normal.unbind(1):
        assert float(channel.mean()) == pytest.approx(0, abs=1e-5)
        assert float(channel.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_too_few_images(source: Made, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"the valid split has no image.*valid_fraction"):
        write_images(tmp_path, source(40), 1e-9, 0.3)
    images = source(40)
    third = SourceImages("noise", ["even", "odd", "none"], [], [], images.train, None, {})
    with pytest.raises(StudyError, match=r"class 'none' has no training image.*valid_fraction"):
        write_images(tmp_path, third, 0.3, 0.3)
    images.train.image_NCHW.zero_()
    images.train.image_NCHW[::2] = 255
    with pytest.raises(StudyError, match="split has no image"):
        write_images(tmp_path, images, 0.3, 0.3)
    assert not list(tmp_path.iterdir())


def test_damage_is_told(source: Made, tmp_path: Path) -> None:
    write_images(tmp_path, source(100), 0.2, 0.2)
    for name in ("train.safetensors", "meta.json"):
        path = tmp_path / name
        kept = path.read_bytes()
        for content in (b"", kept[:-1], kept[:40] + b"\xff" + kept[41:], b"[]", b"{}"):
            path.write_bytes(content)
            with pytest.raises(StudyError, match=rf"{name}: is .*remove {tmp_path}"):
                open_images(tmp_path)
        path.unlink()
        with pytest.raises(StudyError, match=rf"{name}: cannot be read: No such file"):
            open_images(tmp_path)
        path.write_bytes(kept)
    meta = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "train.safetensors").write_bytes(b"other")
    meta["splits"]["train"]["sha256"] = hashlib.sha256(b"other").hexdigest()
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(StudyError, match=r"train\.safetensors: cannot be read"):
        open_images(tmp_path)
