"""Write the stories of one source as train, valid and test, a JSON line a story."""

import json
from collections.abc import Iterator

from tqdm import tqdm

from moe_core.corpus.splits import write_splits
from workflow_scripts.command import parser, path_argument, run


def stories(source: str, options: dict) -> Iterator[str]:
    """The texts of a source, given its options from the configuration."""
    match source:
        case "builtin":
            from moe_core.corpus.builtin_stories import builtin_stories

            return builtin_stories(seed=options["seed"], count=options["stories"])
        case "telegrams":
            from moe_core.corpus.telegrams import telegrams

            return telegrams(seed=options["seed"], count=options["stories"])
        case "hub":
            from moe_core.corpus.sources import hub_stories

            return hub_stories(**options)
        case _:
            from moe_core.corpus.sources import file_stories, matching_files

            return file_stories(matching_files(options["paths"]), options["text_field"])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="corpus of config.yaml")
    path_argument(arguments, "folder")
    given = arguments.parse_args()
    spec = given.spec
    texts = stories(spec["source"], spec["options"])
    counts = write_splits(
        tqdm(texts, unit=" stories", mininterval=2),
        given.folder,
        spec["valid_fraction"],
        spec["test_fraction"],
    )
    print("stories:", ", ".join(f"{split} {count:,}" for split, count in counts.items()))


if __name__ == "__main__":
    run(main)
