"""Token arrays to training batches and evaluation windows."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from moe_core.corpus.tokenization import token_dtype
from moe_core.errors import StudyError
from moe_core.random_streams import stream


@dataclass(frozen=True)
class TokenSplit:
    """A split as a memory map. Story i spans tokens_per_story[i] tokens, its separator last."""

    tokens: np.ndarray
    tokens_per_story: np.ndarray
    bytes_per_story: np.ndarray


@dataclass(frozen=True)
class TokenCorpus:
    """Encoded splits by name, with counts_V of the training split and a digest of each."""

    splits: dict[str, TokenSplit]
    counts_V: Tensor
    sha256: dict[str, str]


def open_corpus(folder: Path) -> TokenCorpus:
    """Memory-map the splits of a tokens folder, as its ``meta.json`` describes them.

    Raises StudyError for a file of another size.
    """
    meta = json.loads((folder / "meta.json").read_text())
    dtype = token_dtype(meta["vocab_size"])
    return TokenCorpus(
        {
            name: TokenSplit(
                _tokens(folder / f"{name}.bin", dtype, sum(split["counts"])),
                np.asarray(split["tokens_per_story"], dtype=np.int64),
                np.asarray(split["bytes_per_story"], dtype=np.int64),
            )
            for name, split in meta["splits"].items()
        },
        torch.tensor(meta["splits"]["train"]["counts"]),
        {name: split["sha256"] for name, split in meta["splits"].items()},
    )


def _tokens(path: Path, dtype: np.dtype, count: int) -> np.ndarray:
    size, expected = path.stat().st_size, count * dtype.itemsize
    if size != expected:
        raise StudyError(
            str(path),
            f"has {size:,} bytes where meta.json says {expected:,}",
            f"remove {path.parent} and run again",
        )
    return np.memmap(path, dtype=dtype, mode="r")


def training_batch(
    tokens: np.ndarray, batch_size: int, seq_len: int, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Inputs and targets, each B x S int64, at random offsets of the training stream.

    A function of (seed, step) alone: nothing is shared with evaluation, and resuming at a step
    needs no state. Raises StudyError if the split is shorter than one sequence.
    """
    windows = len(tokens) - seq_len
    if windows < 1:
        raise too_small("train", len(tokens), seq_len)
    generator = stream(seed, "batches", step)
    starts = torch.randint(windows, (batch_size,), generator=generator).tolist()
    rows = np.stack([tokens[start : start + seq_len + 1] for start in starts])
    batch = torch.from_numpy(rows.astype(np.int64))
    return batch[:, :-1], batch[:, 1:]


@dataclass(frozen=True)
class EvaluationWindows:
    """Consecutive windows of a split and the story of each target, -1 where it does not count.

    Only stories that lie wholly within the windows count; bytes_per_story is their UTF-8 length.
    """

    inputs_NS: Tensor
    targets_NS: Tensor
    story_NS: Tensor
    bytes_per_story: np.ndarray

    @property
    def stories(self) -> int:
        """Stories that count."""
        return len(self.bytes_per_story)

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of the stories that count."""
        return int(self.bytes_per_story.sum())


def evaluation_windows(
    split: TokenSplit, seq_len: int, max_tokens: int, name: str
) -> EvaluationWindows:
    """The first ``max_tokens`` tokens of a split (all of it if shorter), cut without overlap.

    Raises StudyError if not one sequence, or not one whole story, fits.
    """
    count = min(max_tokens, len(split.tokens) - 1) // seq_len
    if count < 1:
        raise too_small(name, len(split.tokens), seq_len)
    used = torch.from_numpy(split.tokens[: count * seq_len + 1].astype(np.int64))
    ends = np.cumsum(split.tokens_per_story)
    stories = int(np.searchsorted(ends, count * seq_len, side="right"))
    if stories == 0:
        raise StudyError(
            "corpus",
            f"the first story of the {name} split is longer than the {count * seq_len} tokens "
            "evaluated",
            f"raise training.{name}_tokens",
        )
    story = np.repeat(np.arange(stories), split.tokens_per_story[:stories])
    story_of_target = np.full(count * seq_len, -1, dtype=np.int64)
    story_of_target[: len(story)] = story
    return EvaluationWindows(
        used[:-1].view(count, seq_len),
        used[1:].view(count, seq_len),
        torch.from_numpy(story_of_target).view(count, seq_len),
        split.bytes_per_story[:stories],
    )


def too_small(split: str, tokens: int, seq_len: int) -> StudyError:
    """The error for a split that cannot fill one sequence."""
    return StudyError(
        "corpus",
        f"the {split} split has {tokens} tokens, too few for one sequence of {seq_len}",
        f"give more stories, raise corpus.{split}_fraction, or lower training.seq_len"
        if split != "train"
        else "give more stories or lower training.seq_len",
    )
