"""CIFAR-100's folder, as Krizhevsky's Python 2 wrote it, with images of our own."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from moe_core.images.image_set import ImageSplit, SourceImages

torch.set_num_threads(1)


class Python2Pickler(pickle._Pickler):
    """Text and bytes as the strings of Python 2, protocol 2."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        data = text.encode("ascii") if isinstance(text, str) else text
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value: Any) -> bytes:
    """As numpy 1 for Python 2 named itself, too."""
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def cifar_rows(count: int, classes: int, seed: int) -> dict[bytes, Any]:
    """A batch as CIFAR-100 has it. Every class has its own coarse pattern; noise tells images
    apart. Labels go round the classes."""
    blocks = np.random.default_rng(0).integers(40, 216, (classes, 3, 4, 4))
    pattern = blocks.repeat(8, axis=2).repeat(8, axis=3).reshape(classes, 3072)
    label_N = np.arange(count) % classes
    noise = np.random.default_rng([1, seed]).integers(-40, 40, (count, 3072))
    return {
        b"filenames": [b"made_s_%06d.png" % i for i in range(count)],
        b"batch_label": b"made batch 1 of 1",
        b"fine_labels": label_N.tolist(),
        b"coarse_labels": (label_N // 5).tolist(),
        b"data": (pattern[label_N] + noise).astype(np.uint8),
    }


def cifar_meta(classes: int) -> dict[bytes, Any]:
    return {
        b"fine_label_names": [b"class_%d" % i for i in range(classes)],
        b"coarse_label_names": [b"group_%d" % i for i in range((classes + 4) // 5)],
    }


def cifar_folder(path: Path, train: int = 400, test: int = 100, classes: int = 100) -> Path:
    """Write the files train, test and meta with so many images; the folder."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "train").write_bytes(python2_pickle(cifar_rows(train, classes, seed=0)))
    (path / "test").write_bytes(python2_pickle(cifar_rows(test, classes, seed=1)))
    (path / "meta").write_bytes(python2_pickle(cifar_meta(classes)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return cifar_folder(tmp_path / "cifar-100-python", train=120, test=30, classes=10)


@pytest.fixture
def source() -> Callable[..., SourceImages]:
    """Noise of one channel in two classes; with the numbers of a test set, the training images
    of these numbers."""

    def made(count: int, test: list[int] | None = None) -> SourceImages:
        image_NCHW = torch.randint(
            256, (count, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
        )
        split = ImageSplit(image_NCHW, torch.arange(count) % 2)
        official = None if test is None else split.take(test)
        return SourceImages("noise", ["even", "odd"], [], [], split, official, {})

    return made
