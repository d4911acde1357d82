"""Train one strategy on one file of stories, without a workflow: the library in one page."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from moe_core.corpus.batches import TokenSplit, evaluation_windows
from moe_core.corpus.sources import file_stories
from moe_core.corpus.splits import read_stories, write_splits
from moe_core.corpus.tokenization import (
    character_tokenizer,
    encode_stories,
    token_dtype,
    vocabulary_size,
)
from moe_core.errors import StudyError
from moe_core.model.transformer import build
from moe_core.runs import RunSpec
from moe_core.study import Study
from moe_core.training.loop import Trainer, measure, train
from moe_core.training.process import prepare_process


def first_run(study: Study, strategy: str) -> RunSpec:
    """The first run of a strategy (or ``dense``) in the study's unified experiment."""
    for run in study.unified:
        spec = study.runs[run]
        if (spec.model.moe.strategy if spec.model.moe else "dense") == strategy:
            return spec
    raise StudyError("experiments.unified.strategies", f"{strategy!r} is not among them")


def train_file(text: Path, spec: RunSpec) -> dict[str, Any]:
    """Split, tokenize by characters, train as ``spec`` says; test measures of the result."""
    if not text.is_file():
        raise StudyError("text", f"no file {str(text)!r}")
    prepare_process(spec.device, spec.threads)
    config = spec.training
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_splits(file_stories([text], "text"), folder, 0.05, 0.05)
        tokenizer = character_tokenizer(read_stories(folder / "train.jsonl"))
        dtype = token_dtype(vocabulary_size(tokenizer))
        splits, counts_V = {}, torch.empty(0)
        for name in ("train", "valid", "test"):
            path = folder / f"{name}.bin"
            encoded = encode_stories(tokenizer, read_stories(folder / f"{name}.jsonl"), path)
            splits[name] = TokenSplit(
                np.fromfile(path, dtype=dtype),
                np.asarray(encoded.tokens_per_story, dtype=np.int64),
                np.asarray(encoded.bytes_per_story, dtype=np.int64),
            )
            if name == "train":
                counts_V = torch.from_numpy(encoded.counts_V)
    valid = evaluation_windows(splits["valid"], config.seq_len, config.valid_tokens, "valid")
    test = evaluation_windows(splits["test"], config.seq_len, config.test_tokens, "test")
    trainer = Trainer(
        build(spec.model, counts_V, spec.seed),
        splits["train"].tokens,
        config,
        spec.seed,
        spec.device,
    )

    def report(row: dict[str, Any], rate: float) -> None:
        print(
            f"step {row['step']}/{config.steps}  valid {row['bits_per_byte']:.3f} bits/byte  "
            f"{rate:,.0f} tokens/s",
            flush=True,
        )

    train(trainer, valid, report)
    return measure(trainer, test)
