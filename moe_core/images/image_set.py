"""Labelled images on disk: ``{train,valid,test}.safetensors`` and, last, ``meta.json``."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from moe_core.corpus.splits import SPLITS, split_of
from moe_core.damaged import damaged
from moe_core.errors import StudyError
from moe_core.provenance import canonical_json, write_atomic


@dataclass(frozen=True)
class ImageSplit:
    """N images of C channels, H x W pixels: image_NCHW uint8, label_N int64."""

    image_NCHW: Tensor
    label_N: Tensor

    def __len__(self) -> int:
        return len(self.label_N)

    def take(self, index_N: list[int]) -> "ImageSplit":
        """The images at these places."""
        return ImageSplit(self.image_NCHW[index_N], self.label_N[index_N])


@dataclass(frozen=True)
class SourceImages:
    """What a source brings. test: its own test set, None where it has none.

    superclass_of: index of each class's superclass; both lists are empty where there are none.
    origin: what tells where the images came from, ready for JSON.
    """

    name: str
    classes: list[str]
    superclasses: list[str]
    superclass_of: list[int]
    train: ImageSplit
    test: ImageSplit | None
    origin: dict[str, Any]


@dataclass(frozen=True)
class ImageSet:
    """Stored images: splits by name, and a digest of each.

    superclass_of: index of each class's superclass; both lists are empty where there are none.
    mean_C, std_C: float32, of the training split's pixels scaled to 0..1.
    """

    name: str
    classes: list[str]
    superclasses: list[str]
    superclass_of: list[int]
    mean_C: Tensor
    std_C: Tensor
    splits: dict[str, ImageSplit]
    sha256: dict[str, str]

    def normalise(self, image_NCHW: Tensor) -> Tensor:
        """uint8 to float32, (x / 255 - mean) / std by channel, on the tensor's device."""
        mean_C11 = self.mean_C.to(image_NCHW.device)[:, None, None]
        std_C11 = self.std_C.to(image_NCHW.device)[:, None, None]
        return (image_NCHW.float() / 255 - mean_C11) / std_C11


def write_images(
    folder: Path, source: SourceImages, valid_fraction: float, test_fraction: float
) -> dict[str, Any]:
    """Write the splits of a source and, last, ``meta.json``; the latter's content.

    The hash of its pixels puts an image into train or valid or, where the source has no test set,
    into any of the three: no image stands in two of them. A source's own test set stays whole, and
    ``test_twins`` counts its images that train or valid have, too. Raises StudyError for a split
    without images and for a class without training images.
    """
    digests = _digests(source.train)
    fraction = test_fraction if source.test is None else 0.0
    places: dict[str, list[int]] = {split: [] for split in SPLITS}
    for number, digest in enumerate(digests):
        places[split_of(digest, valid_fraction, fraction)].append(number)
    splits = {split: source.train.take(places[split]) for split in SPLITS}
    twins = dict.fromkeys(("train", "valid"), 0)
    if source.test is not None:
        splits["test"] = source.test
        asked = Counter(_digests(source.test))
        for split in twins:
            twins[split] = sum(asked[d] for d in {digests[number] for number in places[split]})
    counts = _class_counts(splits, source.classes)
    mean, std = _moments(splits["train"].image_NCHW)
    folder.mkdir(parents=True, exist_ok=True)
    meta: dict[str, Any] = {
        "name": source.name,
        "origin": source.origin,
        "classes": source.classes,
        "superclasses": source.superclasses,
        "superclass_of": source.superclass_of,
        "mean": mean,
        "std": std,
        "test_twins": twins,
        "splits": {},
    }
    for split in SPLITS:
        tensors = {"image_NCHW": splits[split].image_NCHW, "label_N": splits[split].label_N}
        content = save(tensors)
        write_atomic(folder / f"{split}.safetensors", content)
        meta["splits"][split] = {
            "images": len(splits[split]),
            "classes": counts[split],
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    write_atomic(folder / "meta.json", canonical_json(meta))
    return meta


def _digests(split: ImageSplit) -> list[str]:
    """SHA-256 of each image's pixels."""
    return [hashlib.sha256(pixels.data).hexdigest() for pixels in split.image_NCHW.numpy()]


def _class_counts(splits: dict[str, ImageSplit], classes: list[str]) -> dict[str, list[int]]:
    """Images of each class in each split."""
    sizes = {split: len(images) for split, images in splits.items()}
    for split in SPLITS:
        if sizes[split] == 0:
            raise StudyError(
                "images",
                f"the {split} split has no image ({sum(sizes.values())} in all)",
                "give more images"
                + (f", or raise images.{split}_fraction" if split != "train" else ""),
            )
    counts = {
        split: torch.bincount(images.label_N, minlength=len(classes)).tolist()
        for split, images in splits.items()
    }
    missing = [name for name, count in zip(classes, counts["train"], strict=True) if count == 0]
    if missing:
        others = f" (nor have {len(missing) - 1} other classes)" if missing[1:] else ""
        raise StudyError(
            "images",
            f"class {missing[0]!r} has no training image{others}",
            "give images of every class, or lower images.valid_fraction",
        )
    return counts


def _moments(image_NCHW: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel's pixels, scaled to 0..1, from exact counts."""
    value_V = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for pixels_NHW in image_NCHW.unbind(1):
        count_V = torch.bincount(pixels_NHW.flatten(), minlength=256)
        share_V = count_V.double() / pixels_NHW.numel()
        mean = share_V @ value_V
        means.append(float(mean))
        stds.append(float((share_V @ (value_V - mean) ** 2).sqrt()))
    if min(stds) == 0:
        raise StudyError(
            "images", f"channel {stds.index(0)} has one value in all training images", "drop it"
        )
    return means, stds


def open_images(folder: Path) -> ImageSet:
    """The images that `write_images` wrote. Raises StudyError for files missing or not as written.

    Holds all of them in memory.
    """
    try:
        meta = json.loads((folder / "meta.json").read_bytes())
        sha256 = {split: str(meta["splits"][split]["sha256"]) for split in SPLITS}
        return ImageSet(
            meta["name"],
            meta["classes"],
            meta["superclasses"],
            meta["superclass_of"],
            torch.tensor(meta["mean"], dtype=torch.float32),
            torch.tensor(meta["std"], dtype=torch.float32),
            {split: _split(folder / f"{split}.safetensors", sha256[split]) for split in SPLITS},
            sha256,
        )
    except OSError as error:
        raise damaged(Path(error.filename or folder), error) from None
    except StudyError:
        raise
    except (ValueError, KeyError, TypeError):
        raise StudyError(
            str(folder / "meta.json"), "is damaged", f"remove {folder} and run again"
        ) from None


def _split(path: Path, sha256: str) -> ImageSplit:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StudyError(
            str(path), "is not what meta.json describes", f"remove {path.parent} and run again"
        )
    try:
        return ImageSplit(**load(content))
    except (SafetensorError, TypeError) as error:
        raise damaged(path, error) from None
