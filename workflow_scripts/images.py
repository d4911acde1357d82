"""Write the images of one source as train, valid and test, with meta.json beside them."""

import json

from moe_core.corpus.splits import SPLITS
from moe_core.errors import StudyError
from moe_core.image_arms import CIFAR
from moe_core.images.image_set import SourceImages, write_images
from moe_core.vision.config import ImageShape
from workflow_scripts.command import parser, path_argument, run


def source_images(source: str, options: dict) -> SourceImages:
    """The images of a source, given its options from the configuration."""
    match source:
        case "digits":
            from moe_core.images.digits import digit_images

            return digit_images(**options)
        case "hub":
            from moe_core.images.cifar_hub import hub_images

            return hub_images(**options)
        case _:
            from moe_core.images.cifar_folder import folder_images

            return folder_images(**options)


def check_form(images: SourceImages, source: str) -> None:
    """Raises StudyError for a set of the hub that is not of CIFAR-100's form."""
    form = ImageShape(*images.train.image_NCHW.shape[1:3], len(images.classes))
    if source == "hub" and form != CIFAR:
        raise StudyError(
            "images.hub.name",
            f"{form.classes} classes of {form.channels} x {form.size} x {form.size}",
            f"a set of {CIFAR.classes} classes of {CIFAR.channels} x {CIFAR.size} x {CIFAR.size}",
        )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="images of config.yaml")
    path_argument(arguments, "folder")
    given = arguments.parse_args()
    spec = given.spec
    source = source_images(spec["source"], spec["options"])
    check_form(source, spec["source"])
    meta = write_images(given.folder, source, spec["valid_fraction"], spec["test_fraction"])
    sizes = {split: meta["splits"][split]["images"] for split in SPLITS}
    print("images:", ", ".join(f"{split} {count:,}" for split, count in sizes.items()))
    if not meta["origin"].get("published", True):
        print("these files are not those of the published CIFAR-100")
    twins = meta["test_twins"]
    print(f"of test, train has {twins['train']:,} too, and valid {twins['valid']:,}")


if __name__ == "__main__":
    run(main)
