"""CIFAR-100 (Krizhevsky, 2009) from the folder ``cifar-100-python``, three pickles never run."""

import hashlib
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from moe_core.errors import StudyError
from moe_core.images.config import FOLDER_KEY, folder_files
from moe_core.images.image_set import ImageSplit, SourceImages
from moe_core.images.pickled import PickledArray, plain_data
from moe_core.images.superclasses import superclass_of

# MD5 of the files as published
PUBLISHED = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}
SHAPE = (3, 32, 32)
LARGEST = 1 << 29  # bytes of a file; the published train has 155 million
REMEDY = "unpack cifar-100-python.tar.gz anew"


def folder_images(path: str) -> SourceImages:
    """The images of a folder with the files train, test and meta.

    ``origin.published`` tells whether the files are those of the published data set. Raises
    StudyError, naming the file, for one that is missing, damaged or of something else.
    """
    files = {file.name: file for file in folder_files(Path(path))}
    contents = {name: _content(file) for name, file in files.items()}
    meta = _data(files["meta"], contents["meta"])
    classes = _names(files["meta"], meta, b"fine_label_names")
    superclasses = _names(files["meta"], meta, b"coarse_label_names")
    splits, fine, coarse = {}, [], []
    for name in ("train", "test"):
        data = _data(files[name], contents[name])
        image_NCHW = _images(files[name], data)
        count = len(image_NCHW)
        fine.append(_labels(files[name], data, b"fine_labels", count, len(classes)))
        coarse.append(_labels(files[name], data, b"coarse_labels", count, len(superclasses)))
        splits[name] = ImageSplit(image_NCHW, fine[-1])
    digests = {
        name: hashlib.md5(content, usedforsecurity=False).hexdigest()
        for name, content in contents.items()
    }
    return SourceImages(
        "cifar100",
        classes,
        superclasses,
        superclass_of(torch.cat(fine), torch.cat(coarse), classes, f"{FOLDER_KEY}: {path}"),
        splits["train"],
        splits["test"],
        {"source": "folder", "published": digests == PUBLISHED},
    )


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            _wrong(file, f"has more than {LARGEST:,} bytes")
        return file.read_bytes()
    except OSError as error:
        raise StudyError(FOLDER_KEY, f"cannot read {file}: {error.strerror}") from error


def _data(file: Path, content: bytes) -> dict[Any, Any]:
    try:
        data = plain_data(content)
    except ValueError as error:
        _wrong(file, f"is no pickle of CIFAR-100: {error}")
    return data if isinstance(data, dict) else _wrong(file, "holds no dict")


def _images(file: Path, data: dict[Any, Any]) -> Tensor:
    """image_NCHW, from rows of 1,024 red, then green, then blue values."""
    pixels = data.get(b"data")
    if not isinstance(pixels, PickledArray) or pixels.array is None:
        _wrong(file, "has no array b'data'")
    rows = pixels.array
    if rows.shape[1] != 3072:
        _wrong(file, f"b'data' has the shape {rows.shape}, not N x 3072")
    return torch.from_numpy(rows.copy(order="C")).view(-1, *SHAPE)


def _labels(file: Path, data: dict[Any, Any], key: bytes, count: int, classes: int) -> Tensor:
    labels = data.get(key)
    if not isinstance(labels, list) or len(labels) != count:
        _wrong(file, f"{key!r} is no list of {count} labels")
    if not all(type(label) is int and 0 <= label < classes for label in labels):
        _wrong(file, f"{key!r} has labels other than 0 to {classes - 1}")
    return torch.tensor(labels)


def _names(file: Path, data: dict[Any, Any], key: bytes) -> list[str]:
    names = data.get(key)
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        _wrong(file, f"{key!r} is no list of names")
    shown = [name.decode("latin-1") for name in names]
    if not shown or len(set(shown)) < len(shown) or not all(s.isprintable() and s for s in shown):
        _wrong(file, f"{key!r} has no names, one twice, or one that cannot be shown")
    return shown


def _wrong(file: Path, problem: str) -> NoReturn:
    raise StudyError(FOLDER_KEY, f"{file} {problem}", REMEDY)
