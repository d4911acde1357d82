"""Encode all splits as flat integer arrays, with meta.json beside them."""

from tokenizers import Tokenizer
from tqdm import tqdm

from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.splits import SPLITS, read_stories
from moe_core.corpus.tokenization import UNKNOWN, encode_stories, token_dtype, vocabulary_size
from moe_core.provenance import canonical_json, write_atomic
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "corpus", "tokenizer", "folder")
    given = arguments.parse_args()
    tokenizer = Tokenizer.from_file(str(given.tokenizer))
    size = vocabulary_size(tokenizer)
    unknown_id = tokenizer.token_to_id(UNKNOWN)
    meta: dict = {
        "vocab_size": size,
        "vocabulary": [tokenizer.id_to_token(i) for i in range(size)],
        "separator_id": tokenizer.token_to_id(SEPARATOR),
        "dtype": token_dtype(size).name,
        "splits": {},
    }
    for split in SPLITS:
        path = given.corpus / f"{split}.jsonl"
        texts = tqdm(read_stories(path), desc=split, unit=" stories", mininterval=2)
        encoded = encode_stories(tokenizer, texts, given.folder / f"{split}.bin")
        counts_V = encoded.counts_V
        meta["splits"][split] = {
            "stories": len(encoded.tokens_per_story),
            "tokens": int(counts_V.sum()),
            "bytes": sum(encoded.bytes_per_story),
            "unknown_tokens": int(counts_V[unknown_id]) if unknown_id is not None else 0,
            "sha256": encoded.sha256,
            "counts": counts_V.tolist(),
            "tokens_per_story": encoded.tokens_per_story.tolist(),
            "bytes_per_story": encoded.bytes_per_story.tolist(),
        }
        print(f"{split}: {meta['splits'][split]['tokens']:,} tokens")
    write_atomic(given.folder / "meta.json", canonical_json(meta))


if __name__ == "__main__":
    run(main)
