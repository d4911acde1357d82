"""A corpus as token ids: all splits as flat arrays, with meta.json beside them."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tqdm import tqdm

from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.splits import SPLITS, read_stories
from moe_core.corpus.tokenization import UNKNOWN, encode_stories, token_dtype, vocabulary_size
from moe_core.provenance import canonical_json, write_atomic


def encode_corpus(tokenizer: Tokenizer, corpus: Path, folder: Path) -> dict[str, Any]:
    """Write ``{split}.bin`` and, last, ``meta.json``; the latter's content.

    corpus: the folder of ``{split}.jsonl``.
    """
    size = vocabulary_size(tokenizer)
    unknown_id = tokenizer.token_to_id(UNKNOWN)
    meta: dict[str, Any] = {
        "vocab_size": size,
        "vocabulary": [tokenizer.id_to_token(i) for i in range(size)],
        "separator_id": tokenizer.token_to_id(SEPARATOR),
        "dtype": token_dtype(size).name,
        "splits": {},
    }
    for split in SPLITS:
        stories = read_stories(corpus / f"{split}.jsonl")
        texts = tqdm(stories, desc=split, unit=" stories", mininterval=2)
        encoded = encode_stories(tokenizer, texts, folder / f"{split}.bin")
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
    write_atomic(folder / "meta.json", canonical_json(meta))
    return meta
