"""One run from its initial weights to its test measures."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from moe_core.corpus.batches import TokenCorpus, evaluation_windows
from moe_core.measure.metrics import saturation
from moe_core.measure.specialisation import specialisation
from moe_core.model.config import TransformerConfig
from moe_core.model.language_model import LanguageModel
from moe_core.model.transformer import build
from moe_core.training.config import Device, TrainingConfig
from moe_core.training.keeper import Keeper
from moe_core.training.loop import Measured, Measuring, Progress, Trainer, measure, train
from moe_core.training.ranks import ALONE, Ranks


class Examples(Protocol):
    """What a model is measured on: stories, or questions, each of some bytes."""

    @property
    def stories(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def bytes_per_story(self) -> np.ndarray: ...


@dataclass(frozen=True)
class TrainedRun:
    """Final model, a row an evaluation, measures of the final model on test stories.

    stories: columns of equal length, one entry a test story: its place, bytes, and nats in causal
    and in train mode, and what else its reading in causal mode knows of it.
    """

    model: LanguageModel
    rows: list[dict[str, Any]]
    test: dict[str, Any]
    stories: dict[str, np.ndarray]


def train_run(
    name: str,
    model: TransformerConfig,
    training: TrainingConfig,
    seed: int,
    device: Device,
    corpus: TokenCorpus,
    keeper: Keeper | None = None,
    ranks: Ranks = ALONE,
) -> TrainedRun:
    """Train and measure; a line of progress on standard error at each evaluation.

    keeper: continues where it left the run, and saves it. Raises StudyError where a split is too
    small, SickRun where the run cannot be finished, Terminated where the keeper was asked to stop.
    """
    # both, before any step: a split that is too small should not cost a training
    valid, test = (
        evaluation_windows(corpus.splits[split], training.seq_len, limit, split)
        for split, limit in (("valid", training.valid_tokens), ("test", training.test_tokens))
    )
    trainer = Trainer(
        build(model, corpus.counts_V, seed),
        corpus.splits["train"].tokens,
        training,
        seed,
        device,
        keeper.parts if keeper else 1,
        ranks,
    )
    return complete(name, trainer, valid, test, keeper)


def complete(
    name: str,
    trainer: Trainer,
    valid: Examples,
    test: Examples,
    keeper: Keeper | None = None,
    read: Measuring = measure,
) -> TrainedRun:
    """Train to the end and measure; read: how examples are measured."""
    start, steps = keeper.resume(trainer) if keeper else Progress(), trainer.config.steps
    show = progress_line(name, steps, start.step) if trainer.ranks.first else nothing
    done = train(trainer, valid, show, start, keeper, read)
    with keeper.measuring(trainer, done) if keeper else nullcontext():
        measured = read(trainer, test)
    trainer.experts.undo()
    return TrainedRun(
        trainer.model,
        with_saturation(done.rows, done.choices),
        measured.measures | specialised(measured) | {"stories": test.stories, "bytes": test.bytes},
        {
            "story": np.arange(test.stories),
            "bytes": test.bytes_per_story,
            "nats": measured.causal.nats_per_story,
            "nats_train_mode": measured.train_mode.nats_per_story,
        }
        | measured.causal.columns,
    )


def with_saturation(rows: list[dict[str, Any]], choices: list[Tensor]) -> list[dict[str, Any]]:
    """Each row with the share of the final choices that its routers made already."""
    if not choices:
        return rows
    final_LTE = choices[-1]
    return [
        row
        | {
            "router_saturation": float(
                np.mean([saturation(*pair) for pair in zip(now_LTE, final_LTE, strict=True)])
            )
        }
        for row, now_LTE in zip(rows, choices, strict=True)
    ]


def specialised(measured: Measured) -> dict[str, Any]:
    """Mutual information of token id and expert with its null, means over layers."""
    counts_LVE = measured.limited.counts_LVE
    if counts_LVE is None:
        return {}
    layers = [asdict(specialisation(counts_VE)) for counts_VE in counts_LVE]
    return {
        f"specialisation_{key}": float(np.mean([layer[key] for layer in layers]))
        for key in layers[0]
    }


def nothing(row: dict[str, Any], rate: float) -> None:
    """Of several ranks one reports."""


def progress_line(
    name: str, steps: int, first_step: int
) -> Callable[[dict[str, Any], float], None]:
    """A function that prints how far a run is, what it reads and how long it will take."""
    started = time.perf_counter()

    def show(row: dict[str, Any], rate: float) -> None:
        made = row["step"] - first_step
        quality = f"{row['bits_per_byte']:.3f} bits/byte"
        quality += f", accuracy {row['accuracy']:.3f}" if "accuracy" in row else ""
        left = (time.perf_counter() - started) * (steps - row["step"]) / max(1, made)
        print(
            f"{name}  step {row['step']}/{steps}  train {row['train_loss']:.3f}  "
            f"valid {quality}  {rate:,.0f} tokens/s  {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return show
