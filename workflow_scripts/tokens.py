"""Encode all splits as flat integer arrays, with meta.json beside them."""

from tokenizers import Tokenizer

from moe_core.corpus.encoding import encode_corpus
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "corpus", "tokenizer", "folder")
    given = arguments.parse_args()
    tokenizer = Tokenizer.from_file(str(given.tokenizer))
    meta = encode_corpus(tokenizer, given.corpus, given.folder)
    for name, split in meta["splits"].items():
        print(f"{name}: {split['tokens']:,} tokens")


if __name__ == "__main__":
    run(main)
