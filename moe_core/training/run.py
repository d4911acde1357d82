"""One run from its initial weights to its test measures."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moe_core.corpus.batches import TokenCorpus, evaluation_windows
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build
from moe_core.training.config import Device, TrainingConfig
from moe_core.training.loop import Trainer, measure, train


@dataclass(frozen=True)
class TrainedRun:
    """Final model, a row an evaluation, and measures of the final model on test stories."""

    model: Transformer
    rows: list[dict[str, Any]]
    test: dict[str, Any]


def train_run(
    name: str,
    model: TransformerConfig,
    training: TrainingConfig,
    seed: int,
    device: Device,
    corpus: TokenCorpus,
) -> TrainedRun:
    """Train and measure; a line of progress on standard error at each evaluation.

    Raises StudyError where a split is too small or the gradient is not finite.
    """
    # both, before any step: a split that is too small should not cost a training
    valid, test = (
        evaluation_windows(corpus.splits[split], training.seq_len, limit, split)
        for split, limit in (("valid", training.valid_tokens), ("test", training.test_tokens))
    )
    trainer = Trainer(
        build(model, corpus.counts_V, seed), corpus.splits["train"].tokens, training, seed, device
    )
    rows: list[dict[str, Any]] = []
    show = progress(name, training.steps)

    def report(row: dict[str, Any], rate: float) -> None:
        rows.append(row)
        show(row, rate)

    train(trainer, valid, report)
    measured = measure(trainer, test) | {"stories": test.stories, "bytes": test.bytes}
    return TrainedRun(trainer.model, rows, measured)


def progress(name: str, steps: int) -> Callable[[dict[str, Any], float], None]:
    """A function that prints how far a run is, what it reads and how long it will take."""
    started = time.perf_counter()

    def show(row: dict[str, Any], rate: float) -> None:
        done = row["step"] / steps
        left = (time.perf_counter() - started) * (1 - done) / done
        print(
            f"{name}  step {row['step']}/{steps}  train {row['train_loss']:.3f}  "
            f"valid {row['bits_per_byte']:.3f} bits/byte  {rate:,.0f} tokens/s  {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return show
