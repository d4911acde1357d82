import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.corpus.batches import (
    TokenSplit,
    evaluation_windows,
    open_corpus,
    training_batch,
)
from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.splits import SPLITS
from moe_core.corpus.tokenization import character_tokenizer, encode_stories
from moe_core.errors import StudyError
from moe_core.provenance import file_sha256

torch.set_num_threads(1)

TOKENS = np.arange(1000, dtype=np.uint16)  # each token tells its position


def split_with(lengths: list[int]) -> TokenSplit:
    """A leading separator, then stories; token value = position, bytes = 10 a token."""
    count = 1 + sum(lengths)
    return TokenSplit(np.arange(count, dtype=np.uint16), np.array(lengths), 10 * np.array(lengths))


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 40))
def test_targets_are_inputs_shifted_by_one(seed: int, step: int, batch: int, length: int) -> None:
    inputs, targets = training_batch(TOKENS, batch, length, seed, step)
    assert inputs.shape == targets.shape == (batch, length)
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(inputs + 1, targets)  # consecutive positions of the stream


def test_batch_is_a_function_of_seed_and_step_alone() -> None:
    def batch(seed: int, step: int) -> list[list[int]]:
        return training_batch(TOKENS, 4, 8, seed, step)[0].tolist()

    first = batch(0, 7)
    torch.manual_seed(5)
    torch.rand(100)
    batch(0, 3)
    assert batch(0, 7) == first
    others = [batch(0, 8), batch(1, 7), batch(7, 0)]
    assert all(first != other for other in others)


def test_every_offset_is_drawn_and_none_beyond_the_end() -> None:
    tokens = TOKENS[:12]
    starts = {int(row[0]) for step in range(40) for row in training_batch(tokens, 8, 4, 0, step)[0]}
    assert starts == set(range(8))
    last = max(int(training_batch(tokens, 8, 4, 0, s)[1].max()) for s in range(40))
    assert last == 11


def test_train_split_shorter_than_a_sequence() -> None:
    training_batch(TOKENS[:9], 2, 8, 0, 0)
    with pytest.raises(StudyError, match="train split has 8 tokens") as error:
        training_batch(TOKENS[:8], 2, 8, 0, 0)
    assert "\n" not in str(error.value)


def slow_windows(
    split: TokenSplit, seq_len: int, max_tokens: int
) -> tuple[list[list[int]], list[list[int]], list[list[int]], int, int]:
    """The definition, one token at a time."""
    story_of = [-1]
    for i, length in enumerate(split.tokens_per_story):
        story_of += [i] * length
    inputs, targets, stories = [], [], []
    read = 0
    while read + seq_len <= max_tokens and read + seq_len < len(split.tokens):
        positions = range(read, read + seq_len)
        inputs.append([int(split.tokens[p]) for p in positions])
        targets.append([int(split.tokens[p + 1]) for p in positions])
        stories.append([story_of[p + 1] for p in positions])
        read += seq_len
    seen = [s for row in stories for s in row]
    whole = {s for s in seen if seen.count(s) == split.tokens_per_story[s]}
    stories = [[s if s in whole else -1 for s in row] for row in stories]
    return inputs, targets, stories, len(whole), 10 * sum(s >= 0 for row in stories for s in row)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 12), st.integers(1, 90)
)
def test_windows_against_a_slow_loop(lengths: list[int], seq_len: int, max_tokens: int) -> None:
    split = split_with(lengths)
    inputs, targets, stories, whole, size = slow_windows(split, seq_len, max_tokens)
    if not whole:
        with pytest.raises(StudyError):
            evaluation_windows(split, seq_len, max_tokens, "valid")
        return
    windows = evaluation_windows(split, seq_len, max_tokens, "valid")
    assert windows.inputs_NS.tolist() == inputs
    assert windows.targets_NS.tolist() == targets
    assert windows.story_NS.tolist() == stories
    assert windows.stories == whole
    assert windows.bytes_per_story.tolist() == [10 * n for n in lengths[:whole]]
    assert windows.bytes == size


@pytest.mark.parametrize(
    ("lengths", "seq_len", "max_tokens", "match"),
    [
        ([4], 5, 100, r"the test split has 5 tokens, too few for one sequence of 5.*test_fraction"),
        ([9, 2], 4, 8, r"longer than the 8 tokens evaluated; raise training.test_tokens"),
    ],
)
def test_too_small_split(lengths: list[int], seq_len: int, max_tokens: int, match: str) -> None:
    with pytest.raises(StudyError, match=match) as error:
        evaluation_windows(split_with(lengths), seq_len, max_tokens, "test")
    assert "\n" not in str(error.value)


def test_split_on_disk_gives_back_its_stories(tmp_path: Path) -> None:
    stories = ["One fox.", "Two café.", "Three."]
    texts = {"train": ["Zoe ran."], "valid": stories, "test": ["Four."]}
    tokenizer = character_tokenizer([*stories, "Zoe ran.", "Four."])
    meta: dict = {"vocab_size": tokenizer.get_vocab_size(), "splits": {}}
    for split in SPLITS:
        encoded = encode_stories(tokenizer, texts[split], tmp_path / f"{split}.bin")
        meta["splits"][split] = {
            "tokens_per_story": encoded.tokens_per_story.tolist(),
            "bytes_per_story": encoded.bytes_per_story.tolist(),
            "counts": encoded.counts_V.tolist(),
            "sha256": encoded.sha256,
        }
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    corpus = open_corpus(tmp_path)
    opened = corpus.splits["valid"]
    train = np.fromfile(tmp_path / "train.bin", dtype=opened.tokens.dtype)
    assert corpus.counts_V.tolist() == [(train == i).sum() for i in range(meta["vocab_size"])]
    assert corpus.sha256["train"] == file_sha256(tmp_path / "train.bin")
    windows = evaluation_windows(opened, 4, 100, "valid")
    targets, story = windows.targets_NS.flatten(), windows.story_NS.flatten()
    assert windows.stories == 2  # the third reaches past the last full window
    for i, expected in enumerate(stories[:2]):
        *body, last = targets[story == i].tolist()
        assert tokenizer.decode(body) == expected
        assert last == tokenizer.token_to_id(SEPARATOR)
    (tmp_path / "valid.bin").write_bytes(b"cut")
    with pytest.raises(StudyError, match=r"valid\.bin: has 3 bytes where .* says \d+;"):
        open_corpus(tmp_path)
    assert windows.bytes == len("One fox.Two café.".encode())
