"""Stories to a flat array of token ids: one tokenizer type for characters, BPE and pretrained."""

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.whole_files import whole_files
from moe_core.errors import StudyError

UNKNOWN = "<unk>"
STORIES_AT_ONCE = 512


def character_tokenizer(stories: Iterable[str]) -> Tokenizer:
    """Every character of the stories is a token: BPE without merges."""
    characters: set[str] = set()
    for story in stories:
        characters.update(story)
    vocabulary = {c: i for i, c in enumerate([SEPARATOR, UNKNOWN, *sorted(characters)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN))
    # isolating each character keeps the encoder linear in the length of a story
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([SEPARATOR])
    return tokenizer


def bpe_tokenizer(stories: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE (arXiv 1508.07909) trained on the stories."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[SEPARATOR],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(stories, trainer)
    return tokenizer


def pretrained_tokenizer(name: str, revision: str) -> Tokenizer:
    """A tokenizer by local ``tokenizer.json`` or hub name, with the separator added if it lacks it.

    Raises StudyError if neither is found.
    """
    try:
        if os.path.isfile(name):
            tokenizer = Tokenizer.from_file(name)
        else:
            tokenizer = Tokenizer.from_pretrained(name, revision=revision)
    # the library raises bare Exception for a missing name, a broken file or no network
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise StudyError(
            "tokenizer.pretrained.name",
            f"cannot load {name!r}: {first_line}",
            "give a hub name or the path of a tokenizer.json",
        ) from error
    tokenizer.add_special_tokens([SEPARATOR])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def vocabulary_size(tokenizer: Tokenizer) -> int:
    """V: one more than the largest id, for a pretrained vocabulary may skip some."""
    return max(tokenizer.get_vocab().values()) + 1


def token_dtype(vocab_size: int) -> np.dtype:
    """uint16 where ids fit, else uint32."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


@dataclass(frozen=True)
class EncodedSplit:
    """Counts of one encoded split. A story's tokens include the separator that ends it."""

    tokens_per_story: "array[int]"
    bytes_per_story: "array[int]"
    counts_V: np.ndarray
    sha256: str


def encode_stories(tokenizer: Tokenizer, stories: Iterable[str], path: Path) -> EncodedSplit:
    """Write ``separator story separator story ... separator`` as a flat little-endian array.

    Streams: memory holds a few hundred stories and two numbers a story. Atomic.
    """
    separator_id = tokenizer.token_to_id(SEPARATOR)
    assert separator_id is not None
    vocab_size = vocabulary_size(tokenizer)
    dtype = token_dtype(vocab_size)
    tokens_per_story, bytes_per_story = array("I"), array("I")
    counts_V = np.zeros(vocab_size, dtype=np.int64)
    digest = hashlib.sha256()
    with whole_files(path) as (out,):

        def write(ids: np.ndarray) -> None:
            counts_V[:] += np.bincount(ids, minlength=counts_V.size)
            digest.update(ids.tobytes())
            out.write(ids.tobytes())

        write(np.array([separator_id], dtype=dtype))
        for texts in _chunks(stories):
            encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            ids: list[int] = []
            for text, encoding in zip(texts, encoded, strict=True):
                story_ids = encoding.ids
                ids += story_ids
                ids.append(separator_id)
                tokens_per_story.append(len(story_ids) + 1)
                bytes_per_story.append(len(text.encode()))
            write(np.array(ids, dtype=dtype))
    return EncodedSplit(tokens_per_story, bytes_per_story, counts_V, digest.hexdigest())


def _chunks(stories: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(stories)
    while texts := list(islice(remaining, STORIES_AT_ONCE)):
        yield texts
