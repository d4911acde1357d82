"""What a job costs: FLOPs of its row, and a line from FLOPs to seconds through measured jobs.

Free of torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moe_core.model.config import TransformerConfig
from moe_core.model.flops import Cost, cost
from moe_core.runs import AdapterSpec, HubModel, ImageSpec, RunSpec, ShapeSpec, dense_width
from moe_core.training.config import TrainingConfig
from moe_core.vision.flops import image_cost


@dataclass(frozen=True)
class Line:
    """startup_s: seconds of a job however small; flops_per_s: how fast its work is done."""

    startup_s: float
    flops_per_s: float

    def seconds(self, flops: float) -> float:
        """Time of a job of so many FLOPs."""
        return self.startup_s + flops / self.flops_per_s


def fit(flops: Sequence[float], seconds: Sequence[float]) -> Line:
    """The line through measured jobs that a few odd ones do not move.

    Its slope is the median of the slopes of all pairs, weighted by how far apart a pair's FLOPs
    are (Jaeckel 1972, with Wilcoxon's scores); its start-up the median of what is left. Where the
    jobs are of one size, or noise leaves no positive slope or start-up, it goes through the origin.

    Raises ValueError unless there is a job, and all FLOPs and seconds are positive.
    """
    work_N, seconds_N = np.asarray(flops, dtype=float), np.asarray(seconds, dtype=float)
    if not (len(work_N) == len(seconds_N) > 0 and (work_N > 0).all() and (seconds_N > 0).all()):
        raise ValueError("a fit needs jobs with positive FLOPs and seconds")
    first, second = np.triu_indices(len(work_N), k=1)
    apart = work_N[second] - work_N[first]
    differ = apart != 0
    if differ.any():
        slopes = (seconds_N[second] - seconds_N[first])[differ] / apart[differ]
        slope = weighted_median(slopes, np.abs(apart[differ]))
        startup = float(np.median(seconds_N - slope * work_N))
        if slope > 0 and startup >= 0:
            return Line(startup, 1 / slope)
    return Line(0.0, float(np.median(work_N / seconds_N)))


def weighted_median(values_N: np.ndarray, weights_N: np.ndarray) -> float:
    """The smallest value at which half of the weight is reached."""
    order = np.argsort(values_N)
    reached = np.cumsum(weights_N[order])
    return float(values_N[order][np.searchsorted(reached, reached[-1] / 2)])


def run_flops(run: RunSpec, vocab_size: int) -> float:
    """FLOPs of a training job: its steps, and its passes over validation and test stories.

    A pass is a forward, a third of a step; a routed model is read by a decoder's rule and by that
    of training.
    """
    passes = 2 if run.model.moe else 1
    tokens = trained_tokens(run.training) + passes * read_tokens(run.training) / 3
    return tokens * model_cost(run.model, vocab_size, run.training.seq_len).train_flops_per_token


def adapter_flops(run: AdapterSpec, vocab_size: int) -> float | None:
    """FLOPs of training adapters, those of the adapters left out; None where the base is unknown.

    A frozen base is read, and takes gradients of its inputs alone: two thirds of a step. Questions
    to be tested on are not in the row, and cost all jobs of a study the same.
    """
    if isinstance(run.base, HubModel):
        return None
    training = run.training
    step = 1.0 if run.adapter.peft_type == "full" else 2 / 3
    tokens = step * trained_tokens(training)
    if run.task == "stories":
        tokens += 2 * read_tokens(training) / 3
    return tokens * model_cost(run.base.model, vocab_size, training.seq_len).train_flops_per_token


def image_flops(run: ImageSpec, classes: int) -> float:
    """FLOPs of training an image model. What it is measured on is not in the row."""
    images = run.training.steps * run.training.batch_size
    return images * image_cost(run.model, run.shape).train_flops


def trained_tokens(training: TrainingConfig) -> int:
    """Tokens of all steps."""
    return training.steps * training.batch_size * training.seq_len


def read_tokens(training: TrainingConfig) -> int:
    """Tokens of all evaluations and the test, read once."""
    evaluations = -(-training.steps // training.evaluate_every)
    return evaluations * training.valid_tokens + training.test_tokens


def shape_flops(shape: ShapeSpec, vocab_size: int) -> float:
    """FLOPs of a timing job."""
    timing = shape.throughput
    steps = timing.warmup_steps + timing.repeats * timing.steps_per_repeat
    tokens = steps * shape.batch_size * shape.seq_len
    return tokens * model_cost(shape.model, vocab_size, shape.seq_len).train_flops_per_token


def model_cost(model: TransformerConfig, vocab_size: int, seq_len: int) -> Cost:
    """Parameters and FLOPs of a model before anything is known of its drops: there are none."""
    shared = model.moe.shared_hidden if model.moe else 0
    reached = (dense_width(model) - shared) / model.ffn_hidden
    return cost(model, vocab_size, seq_len, reached)
