"""Make or fetch the tokenizer: characters or BPE of the training split, or a pretrained one."""

import json

from moe_core.corpus.splits import read_stories
from moe_core.corpus.tokenization import (
    bpe_tokenizer,
    character_tokenizer,
    pretrained_tokenizer,
    vocabulary_size,
)
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


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
    write_atomic(given.out, tokenizer.to_str(pretty=True))
    print(f"vocabulary: {vocabulary_size(tokenizer):,}")


if __name__ == "__main__":
    run(main)
