"""Write multiple-choice questions as train, valid and test, a JSON line a question."""

import json
from collections.abc import Iterator

from tqdm import tqdm

from moe_core.corpus.questions import (
    KEY,
    Question,
    file_questions,
    hub_questions,
    write_questions,
)
from moe_core.corpus.sources import matching_files
from workflow_scripts.command import parser, path_argument, run


def questions(spec: dict, part: str) -> Iterator[Question]:
    """The questions of a part, train or test, given files or a hub data set."""
    hub = spec["hub"]
    if hub is None:
        return file_questions(matching_files(spec[part], f"{KEY}.{part}", ".json*"))
    split = hub[f"{part}_split"]
    return iter(()) if split is None else hub_questions(hub["name"], hub["revision"], split)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="files, hub, fractions")
    path_argument(arguments, "folder")
    given = arguments.parse_args()
    spec = given.spec
    written = write_questions(
        tqdm(questions(spec, "train"), unit=" questions", mininterval=2),
        questions(spec, "test"),
        given.folder,
        spec["valid_fraction"],
        spec["test_fraction"],
    )
    print("questions:", ", ".join(f"{split} {n:,}" for split, n in written.questions.items()))
    print(f"left out: {written.repeated:,} repeated, {written.held_out:,} that test has, too")


if __name__ == "__main__":
    run(main)
