"""CIFAR-100, or a data set of its form, read with Hugging Face `datasets`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from moe_core.corpus.sources import told_hub
from moe_core.errors import StudyError
from moe_core.images.image_set import ImageSplit, SourceImages
from moe_core.images.superclasses import superclass_of

KEY = "images.hub"
REMEDY = "check the name, the network, or set images.source to digits"
AT_ONCE = 500


@dataclass(frozen=True)
class Columns:
    """A split as read: its images, and the labels and their names by field."""

    image_NCHW: Tensor
    label_N: dict[str, Tensor]
    names: dict[str, list[str]]


def hub_images(
    name: str,
    revision: str,
    train_split: str,
    test_split: str,
    image_field: str,
    label_field: str,
    coarse_field: str | None,
) -> SourceImages:
    """Images of a Hugging Face data set (a hub name or a local folder), streamed.

    They are square, of one size, and become grey if the first is, else RGB. Raises StudyError where
    the data set cannot be read, or lacks such images or labels with names.
    """
    fields = {"label_field": label_field}
    if coarse_field is not None:
        fields["coarse_field"] = coarse_field
    train, test = (
        _columns(name, revision, split, image_field, fields) for split in (train_split, test_split)
    )
    if train.names != test.names or train.image_NCHW.shape[1:] != test.image_NCHW.shape[1:]:
        raise StudyError(f"{KEY}.test_split", "has other classes or sizes than train_split")
    classes = train.names[label_field]
    groups: list[int] = []
    if coarse_field is not None:
        fine_N, coarse_N = (
            torch.cat([split.label_N[field] for split in (train, test)])
            for field in (label_field, coarse_field)
        )
        groups = superclass_of(fine_N, coarse_N, classes, f"{KEY}.coarse_field")
    return SourceImages(
        name,
        classes,
        [] if coarse_field is None else train.names[coarse_field],
        groups,
        ImageSplit(train.image_NCHW, train.label_N[label_field]),
        ImageSplit(test.image_NCHW, test.label_N[label_field]),
        {"source": "hub", "name": name, "revision": revision},
    )


def _columns(
    name: str, revision: str, split: str, image_field: str, fields: dict[str, str]
) -> Columns:
    import datasets

    with told_hub(name, revision, KEY, REMEDY):
        opened = datasets.load_dataset(name, revision=revision, split=split, streaming=True)
    features = opened.features or {}
    if not isinstance(features.get(image_field), datasets.Image):
        raise _no_such("image_field", image_field, "of images", features)
    for key, field in fields.items():
        if not getattr(features.get(field), "names", None):
            raise _no_such(key, field, "of named classes", features)
    names = {field: list(features[field].names) for field in fields.values()}
    images: list[np.ndarray] = []
    labels: dict[str, list[int]] = {field: [] for field in names}
    for rows in _batches(opened, name, revision):
        for image in rows[image_field]:
            images.append(_pixels(image, images, f"split {split}, row {len(images)}"))
        for key, field in fields.items():
            for label in rows[field]:
                if label is None or not 0 <= label < len(names[field]):
                    raise StudyError(f"{KEY}.{key}", f"split {split}: an image is without {field}")
            labels[field] += rows[field]
    if not images:
        raise StudyError(f"{KEY}.name", f"split {split} of {name!r} has no images")
    return Columns(
        torch.from_numpy(np.ascontiguousarray(np.stack(images))),
        {field: torch.tensor(found) for field, found in labels.items()},
        names,
    )


def _no_such(key: str, field: str, what: str, features: dict[str, Any]) -> StudyError:
    shown = ", ".join(map(str, features)) or "none known"
    return StudyError(f"{KEY}.{key}", f"no field {field!r} {what}", f"fields: {shown}")


def _batches(opened: Any, name: str, revision: str) -> Iterator[dict[str, list[Any]]]:
    """Columns of a few hundred rows; images decoded."""
    with told_hub(name, revision, KEY, REMEDY):
        yield from opened.iter(AT_ONCE)


def _pixels(image: Image.Image | None, before: list[np.ndarray], where: str) -> np.ndarray:
    """C x H x W, of the form of the images before."""
    if image is None:
        raise StudyError(f"{KEY}.image_field", f"{where}: no image")
    grey = len(before[0]) == 1 if before else image.mode == "L"
    pixels = np.asarray(image.convert("L" if grey else "RGB"))
    pixels = pixels[None] if grey else pixels.transpose(2, 0, 1)
    size = pixels.shape[1]
    if pixels.shape[2] != size or (before and size != before[0].shape[1]):
        expected = f"{before[0].shape[1]} x {before[0].shape[1]}" if before else "square"
        raise StudyError(
            f"{KEY}.image_field", f"{where}: {image.width} x {image.height} pixels, not {expected}"
        )
    return pixels
