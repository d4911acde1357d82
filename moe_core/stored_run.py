"""A finished run as its files hold it: row, vocabulary and trained model that belong together."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.tokenization import vocabulary_size
from moe_core.damaged import damaged
from moe_core.errors import StudyError
from moe_core.finished_run import finished_model
from moe_core.model.transformer import Transformer
from moe_core.runs import RunSpec
from moe_core.training.trained import trained_model


@dataclass(frozen=True)
class StoredRun:
    """model: in evaluation mode. separator_id: of the token before, between and after stories."""

    summary: dict[str, Any]
    spec: RunSpec
    model: Transformer
    tokenizer: Tokenizer
    separator_id: int


def open_stored_run(run: str, results: Path) -> StoredRun:
    """A run of a study by its id.

    Raises StudyError for what is no finished run of a model, and names the file that is missing,
    damaged, or of another run.
    """
    summary, spec = finished_model(run, results)
    folder, tokens = results / "runs" / run, results / "tokens" / spec.tokens
    known = {"run", "tokens_sha256", "vocab_size", "test"} <= summary.keys()
    if not known or "bits_per_byte" not in (summary["test"] or ()):
        raise StudyError(str(folder / "summary.json"), "is no summary of a run")
    counts_V, sha256 = _read_meta(tokens / "meta.json")
    if sha256 != summary["tokens_sha256"]:
        raise StudyError(
            str(tokens / "meta.json"),
            f"is of other tokens than those {run} was trained on",
            "train again, or put those back",
        )
    tokenizer, separator_id = _read_tokenizer(tokens / "tokenizer.json", summary["vocab_size"])
    if counts_V.numel() != summary["vocab_size"]:
        raise StudyError(str(tokens / "meta.json"), "counts another vocabulary than the run's")
    model = trained_model(folder, spec.model, counts_V)
    return StoredRun(summary, spec, model, tokenizer, separator_id)


def _read_meta(path: Path) -> tuple[Tensor, dict[str, str]]:
    """Counts of the training split, and the digest of each split."""
    try:
        splits = json.loads(path.read_bytes())["splits"]
        counts_V = torch.tensor(splits["train"]["counts"], dtype=torch.int64)
        return counts_V, {name: split["sha256"] for name, split in splits.items()}
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    except (KeyError, TypeError, AttributeError, RuntimeError):
        raise StudyError(str(path), "does not describe tokens") from None


def _read_tokenizer(path: Path, vocab_size: int) -> tuple[Tokenizer, int]:
    """A vocabulary of that size, and its separator."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
        size = vocabulary_size(tokenizer)
    except Exception as error:  # the library raises no narrower one
        raise damaged(path, error) from None
    if size != vocab_size:
        raise StudyError(str(path), f"has {size} tokens, where the run was trained on {vocab_size}")
    separator_id = tokenizer.token_to_id(SEPARATOR)
    if separator_id is None:
        raise StudyError(str(path), f"has no {SEPARATOR}")
    return tokenizer, separator_id
