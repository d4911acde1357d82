"""Train one strategy on one file of stories, without a workflow: the library in one page."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from moe_core.corpus.batches import TokenCorpus, TokenSplit
from moe_core.corpus.sources import file_stories
from moe_core.corpus.splits import SPLITS, read_stories, write_splits
from moe_core.corpus.tokenization import (
    character_tokenizer,
    encode_stories,
    token_dtype,
    vocabulary_size,
)
from moe_core.errors import StudyError
from moe_core.runs import RunSpec, run_id
from moe_core.study import Study
from moe_core.training.process import prepare_process
from moe_core.training.run import train_run


def first_run(study: Study, strategy: str) -> RunSpec:
    """The first run of a strategy (or ``dense``) in the study's unified experiment."""
    for run in study.unified:
        spec = study.runs[run]
        if (spec.model.moe.strategy if spec.model.moe else "dense") == strategy:
            return spec
    chosen = ", ".join(study.config.experiments.unified.strategies)
    raise StudyError(
        "experiments.unified.strategies", f"{strategy!r} is not among {chosen}", "add it there"
    )


def character_corpus(text: Path) -> TokenCorpus:
    """Stories of a file, split and encoded by characters, in memory."""
    splits, digests, counts_V = {}, {}, torch.empty(0)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_splits(file_stories([text], "text"), folder, 0.05, 0.05)
        tokenizer = character_tokenizer(read_stories(folder / "train.jsonl"))
        for name in SPLITS:
            path = folder / f"{name}.bin"
            encoded = encode_stories(tokenizer, read_stories(folder / f"{name}.jsonl"), path)
            splits[name] = TokenSplit(
                np.fromfile(path, dtype=token_dtype(vocabulary_size(tokenizer))),
                np.asarray(encoded.tokens_per_story, dtype=np.int64),
                np.asarray(encoded.bytes_per_story, dtype=np.int64),
            )
            digests[name] = encoded.sha256
            if name == "train":
                counts_V = torch.from_numpy(encoded.counts_V)
    return TokenCorpus(splits, counts_V, digests)


def train_file(text: Path, spec: RunSpec) -> dict[str, Any]:
    """Train as ``spec`` says on the stories of a file; measures on its test stories.

    Raises StudyError for a file that is missing, malformed or too small.
    """
    if not text.is_file():
        raise StudyError("text", f"no file {str(text)!r}")
    prepare_process(spec.device, spec.threads)
    corpus = character_corpus(text)
    return train_run(run_id(spec), spec.model, spec.training, spec.seed, spec.device, corpus).test
