"""Make or fetch the tokenizer: characters or BPE of the training split, or a pretrained one."""

import json
from collections.abc import Iterable
from itertools import islice

from tokenizers import Tokenizer

from moe_core.corpus.splits import read_stories
from moe_core.corpus.tokenization import (
    bpe_tokenizer,
    character_tokenizer,
    pretrained_tokenizer,
    vocabulary_size,
)
from moe_core.errors import StudyError
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


def refuse_lossy(tokenizer: Tokenizer, stories: Iterable[str], name: str) -> None:
    """Bits per byte would be of another text if the tokens did not hold the stories."""
    for story in islice(stories, 100):
        decoded = tokenizer.decode(tokenizer.encode(story, add_special_tokens=False).ids)
        if decoded.strip() != story.strip():
            raise StudyError(
                "tokenizer.pretrained.name",
                f"{name!r} loses text: its decoder does not give the stories back",
                "choose a byte-level tokenizer",
            )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="kind and options")
    path_argument(arguments, "train", "out")
    given = arguments.parse_args()
    options = given.spec["options"]
    match given.spec["kind"]:
        case "char":
            tokenizer = character_tokenizer(read_stories(given.train))
        case "bpe":
            tokenizer = bpe_tokenizer(read_stories(given.train), options["vocab_size"])
        case _:
            tokenizer = pretrained_tokenizer(options["name"], options["revision"])
            refuse_lossy(tokenizer, read_stories(given.train), options["name"])
    write_atomic(given.out, tokenizer.to_str(pretty=True))
    print(f"vocabulary: {vocabulary_size(tokenizer):,}")


if __name__ == "__main__":
    run(main)
