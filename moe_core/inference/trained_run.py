"""A finished run and its vocabulary, and prompts as it reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from moe_core.corpus.tokenization import UNKNOWN
from moe_core.errors import StudyError
from moe_core.inference.layout import store_by_columns
from moe_core.model.transformer import Transformer
from moe_core.stored_run import open_stored_run


@dataclass(frozen=True)
class TrainedRun:
    """longest: tokens of a training sequence. Positions beyond it were never seen."""

    model: Transformer
    tokenizer: Tokenizer
    stop_id: int
    longest: int


def open_run(run: str, results: Path) -> TrainedRun:
    """A run of a study by its id. Raises StudyError for what is no finished run of a model."""
    stored = open_stored_run(run, results)
    store_by_columns(stored.model)
    longest = stored.spec.training.seq_len
    return TrainedRun(stored.model, stored.tokenizer, stored.separator_id, longest)


def encode_prompts(run: TrainedRun, prompts: Sequence[str]) -> list[list[int]]:
    """Ids of each prompt behind a separator, with which every story of training begins.

    Raises StudyError for one that is empty, longer than training's texts, or has a character that
    the vocabulary lacks.
    """
    unknown = run.tokenizer.token_to_id(UNKNOWN)
    encoded = []
    for place, text in enumerate(prompts, 1):
        key = f"prompt {place}"
        if not text:
            raise StudyError(key, "is empty", "give at least one character")
        encoding = run.tokenizer.encode(text, add_special_tokens=False)
        spans = zip(encoding.ids, encoding.offsets, strict=True)
        if lacking := {text[slice(*span)]: None for token, span in spans if token == unknown}:
            told = " ".join(map(repr, lacking))
            raise StudyError(key, f"the run's vocabulary lacks {told}", "leave them out")
        ids = [run.stop_id, *encoding.ids]
        if len(ids) > run.longest:
            raise StudyError(
                key,
                f"has {len(ids)} tokens, where the run was trained on {run.longest}",
                "shorten it: positions beyond were never seen",
            )
        encoded.append(ids)
    return encoded
