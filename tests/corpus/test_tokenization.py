import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from moe_core.corpus import tokenization
from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.tokenization import (
    UNKNOWN,
    bpe_tokenizer,
    character_tokenizer,
    encode_stories,
    pretrained_tokenizer,
    token_dtype,
    vocabulary_size,
)
from moe_core.errors import StudyError

STORIES = [
    "Once upon a time there was a little fox.\nThe little fox was happy.",
    "One day, the fox saw a café – “hello”, it said.",
    "x",
    "The end of the day. The end of the story. 日本 🦊",
] * 5

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def char_of(stories: list[str]) -> Tokenizer:
    return character_tokenizer(stories)


@settings(deadline=None)
@given(text)
def test_characters_round_trip(story: str) -> None:
    tokenizer = character_tokenizer([story, "other words"])
    ids = tokenizer.encode(story, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == story
    assert len(ids) == len(story)
    assert tokenizer.get_vocab_size() == len({*story, *"other words"}) + 2


BPE = bpe_tokenizer(STORIES, 300)


@settings(deadline=None)
@given(text)
def test_bpe_round_trips_any_text(story: str) -> None:
    ids = BPE.encode(story, add_special_tokens=False).ids
    assert BPE.decode(ids) == story
    assert len(ids) <= len(story.encode())


def test_bpe_merges_up_to_the_size_asked_for() -> None:
    assert BPE.get_vocab_size() == 300
    assert len(BPE.encode(STORIES[0]).ids) < 0.7 * len(STORIES[0])


def test_unknown_characters() -> None:
    tokenizer = character_tokenizer(["abc"])
    unknown = tokenizer.token_to_id(UNKNOWN)
    a, c = tokenizer.token_to_id("a"), tokenizer.token_to_id("c")
    assert tokenizer.encode("aéé🦊c").ids == [a, unknown, unknown, unknown, c]


def test_vocabulary_does_not_depend_on_order() -> None:
    forwards, backwards = character_tokenizer(STORIES), character_tokenizer(STORIES[::-1])
    assert forwards.to_str() == backwards.to_str()


def test_pretrained_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    saved = Tokenizer(models.WordLevel({"fox": 0, "?": 1}, unk_token="?"))
    saved.enable_truncation(1)
    saved.enable_padding(length=8)
    saved.save(str(path))
    loaded = pretrained_tokenizer(str(path), "main")
    assert loaded.token_to_id(SEPARATOR) == 2
    assert loaded.truncation is None
    assert loaded.padding is None
    BPE.save(str(path))
    assert pretrained_tokenizer(str(path), "main").get_vocab() == BPE.get_vocab()


@pytest.mark.parametrize("content", [None, "{", '{"model": {"type": "none"}}'])
def test_missing_or_broken_pretrained(
    tmp_path: Path, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = tmp_path / "no such tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StudyError) as error:
        pretrained_tokenizer(str(path), "main")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("tokenizer.pretrained.name: ")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("make", [char_of, lambda stories: bpe_tokenizer(stories, 280)])
@pytest.mark.parametrize("at_once", [1, 3, 512])
def test_file_is_the_encodings_joined_by_separators(
    tmp_path: Path, make, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenization, "STORIES_AT_ONCE", at_once)
    tokenizer, path = make(STORIES), tmp_path / "train.bin"
    encoded = encode_stories(tokenizer, iter(STORIES), path)
    separator = tokenizer.token_to_id(SEPARATOR)
    each = [[*tokenizer.encode(s, add_special_tokens=False).ids, separator] for s in STORIES]
    expected = [separator, *(i for ids in each for i in ids)]
    assert np.fromfile(path, dtype="<u2").tolist() == expected
    assert encoded.tokens_per_story.tolist() == [len(ids) for ids in each]
    assert encoded.bytes_per_story.tolist() == [len(s.encode()) for s in STORIES]
    assert encoded.counts_V.tolist() == [
        expected.count(i) for i in range(tokenizer.get_vocab_size())
    ]
    assert encoded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [p.name for p in tmp_path.iterdir()] == ["train.bin"]


def test_no_special_tokens_are_added_by_a_pretrained_template(tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = character_tokenizer(["abc"])
    separator = tokenizer.token_to_id(SEPARATOR)
    tokenizer.post_processor = TemplateProcessing(
        single=f"{SEPARATOR} $A {SEPARATOR}", special_tokens=[(SEPARATOR, separator)]
    )
    encode_stories(tokenizer, ["ab"], tmp_path / "a.bin")
    assert np.fromfile(tmp_path / "a.bin", "<u2").tolist().count(separator) == 2


@pytest.mark.parametrize(("size", "width"), [(1, 2), (65_536, 2), (65_537, 4), (200_000, 4)])
def test_dtype(size: int, width: int) -> None:
    assert token_dtype(size) == np.dtype(f"<u{width}")


def test_ids_above_sixteen_bits_survive(tmp_path: Path) -> None:
    words = {f"w{i}": i for i in range(65_537)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.add_special_tokens([SEPARATOR])
    encode_stories(tokenizer, ["w65536"], tmp_path / "a.bin")
    assert np.fromfile(tmp_path / "a.bin", "<u4").tolist() == [65_537, 65_536, 65_537]


def test_failure_midway_leaves_the_old_file(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield from STORIES
        raise OSError(errno.ENOSPC, "disk")

    path = tmp_path / "train.bin"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=f"disk: {str(tmp_path)!r}"):
        encode_stories(character_tokenizer(STORIES), broken(), path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["train.bin"]


def test_a_vocabulary_may_skip_ids(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"fox": 0, "?": 9, SEPARATOR: 7}, unk_token="?"))
    encoded = encode_stories(tokenizer, ["fox", "hare"], tmp_path / "train.bin")
    assert vocabulary_size(tokenizer) == 10
    assert encoded.counts_V.tolist() == [1, 0, 0, 0, 0, 0, 0, 3, 0, 1]
