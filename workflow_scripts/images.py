"""Write the images of one source as train, valid and test, with meta.json beside them."""

import json

from moe_core.corpus.splits import SPLITS
from moe_core.images.image_set import SourceImages, write_images
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


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="images of config.yaml")
    path_argument(arguments, "folder")
    given = arguments.parse_args()
    spec = given.spec
    source = source_images(spec["source"], spec["options"])
    meta = write_images(given.folder, source, spec["valid_fraction"], spec["test_fraction"])
    sizes = {split: meta["splits"][split]["images"] for split in SPLITS}
    print("images:", ", ".join(f"{split} {count:,}" for split, count in sizes.items()))
    twins = meta["test_twins"]
    print(f"of test, train has {twins['train']:,} too, and valid {twins['valid']:,}")


if __name__ == "__main__":
    run(main)
