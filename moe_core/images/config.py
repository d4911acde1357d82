"""Which images, as data. Free of torch: a workflow is planned with it."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from moe_core.errors import StudyError
from moe_core.strict import Fraction, Strict

FOLDER_FILES = ("train", "test", "meta")
FOLDER_KEY = "images.folder.path"


class DigitsImages(Strict):
    """The 1,797 handwritten digits that come with scikit-learn, 8 x 8, in 10 classes."""

    size: Annotated[int, Field(ge=8)] = Field(description="Side that they are enlarged to.")


class HubImages(Strict):
    """A data set read with Hugging Face `datasets`, streamed."""

    name: str = Field(description="Hub name or local folder.")
    revision: str = Field(description="Commit of the data set.")
    train_split: str = Field(description="Its split to train on, and to take valid from.")
    test_split: str = Field(description="Its split to test on.")
    image_field: str = Field(description="Column that holds an image.")
    label_field: str = Field(description="Column that holds its class.")
    coarse_field: str | None = Field(description="Column that holds the superclass; null for none.")


class FolderImages(Strict):
    """CIFAR-100 as published: the unpacked cifar-100-python.tar.gz."""

    path: str = Field(description="The folder cifar-100-python, with train, test and meta.")


class ImagesConfig(Strict):
    """Which images, and how they are split."""

    source: Literal["digits", "hub", "folder"] = Field(description="Where images come from.")
    valid_fraction: Fraction = Field(description="Share of images to watch training with.")
    test_fraction: Fraction = Field(
        description="Share of images that the results are read on; digits only, for the other "
        "sources bring a test set."
    )
    digits: DigitsImages
    hub: HubImages
    folder: FolderImages


def image_set_name(config: ImagesConfig) -> str:
    """What tables and verdicts call the images, and where they are kept."""
    if config.source == "hub":
        return re.sub(r"[^A-Za-z0-9]+", "_", Path(config.hub.name).name).strip("_")
    return {"digits": "digits", "folder": "cifar100"}[config.source]


def images_spec(config: ImagesConfig) -> dict[str, Any]:
    """All that the stored images depend on besides `image_files`."""
    return {
        "source": config.source,
        "valid_fraction": config.valid_fraction,
        "test_fraction": config.test_fraction if config.source == "digits" else 0.0,
        "options": getattr(config, config.source).model_dump(),
    }


def image_files(config: ImagesConfig) -> list[Path]:
    """The files that the configured source reads, if any. Raises StudyError for one not there."""
    return folder_files(Path(config.folder.path)) if config.source == "folder" else []


def folder_files(folder: Path) -> list[Path]:
    """train, test and meta of a folder. Raises StudyError unless all are regular files."""
    files = [folder / name for name in FOLDER_FILES]
    for file in files:
        if not file.is_file():
            raise StudyError(
                FOLDER_KEY,
                f"{file} is no file",
                "unpack cifar-100-python.tar.gz and give the folder cifar-100-python",
            )
    return files
