"""Tokens per second over whole optimiser steps, beside the matmul peak of the same minutes."""

import statistics
import time
from dataclasses import dataclass

import torch

from moe_core.errors import StudyError
from moe_core.measure.clock import synchronise
from moe_core.model.flops import cost
from moe_core.model.transformer import Transformer
from moe_core.training.config import ThroughputConfig
from moe_core.training.evaluation import routing_steps
from moe_core.training.loop import Trainer

PEAK_SIDE = 1024
SETTLING_STEPS = 200  # ReMoE's weight grows 1.2-fold a step, from 1e-8


@dataclass(frozen=True)
class Throughput:
    """Medians over repeats. mfu: model FLOPs per second / matmul FLOPs per second.

    train_flops_per_token is analytic, for the assignments that capacity kept in the timed steps.
    """

    tokens_per_s: float
    tokens_per_s_repeats: list[float]
    step_s: float
    matmul_peak_flops: float
    train_flops_per_token: float
    mfu: float
    assignments_per_token: float
    params_total: int
    params_active: float


def measure_throughput(trainer: Trainer, timing: ThroughputConfig) -> Throughput:
    """Time blocks of whole optimiser steps, a peak measurement between each two.

    Raises StudyError if MFU exceeds 1: then a count or a clock is wrong.
    """
    config = trainer.config
    for step in range(timing.warmup_steps):
        trainer.step(step)
    settle(trainer)
    steps_of_a_layer = routing_steps(trainer.model.routing)
    seconds, peaks = [], [matmul_peak(trainer)]
    kept, tokens = 0, 0
    for repeat in range(timing.repeats):
        first = timing.warmup_steps + repeat * timing.steps_per_repeat
        synchronise(trainer.device)
        start = time.perf_counter()
        for step in range(first, first + timing.steps_per_repeat):
            trainer.step(step)
        synchronise(trainer.device)
        seconds.append((time.perf_counter() - start) / timing.steps_per_repeat)
        peaks.append(matmul_peak(trainer))
        kept += sum(int(layer.routing.kept_A.sum()) for layer in trainer.layers)
        # every step of a sequential layer sees the same tokens
        tokens += sum(layer.routing.num_tokens for layer in trainer.layers) // steps_of_a_layer
    assignments = kept / tokens if tokens else 1.0
    assert isinstance(trainer.model, Transformer)
    model, vocab_size = trainer.model.config, trainer.model.vocab_size
    counted = cost(model, vocab_size, config.seq_len, assignments)
    # parameters that a token uses do not depend on how many assignments were dropped
    active = cost(model, vocab_size, config.seq_len, model.moe.top_k if model.moe else 1)
    step_s = statistics.median(seconds)
    batch_tokens = config.batch_size * config.seq_len
    peak = max(peaks)
    mfu = counted.train_flops_per_token * batch_tokens / step_s / peak
    if mfu > 1:
        raise StudyError(
            "throughput",
            f"model FLOP utilisation is {mfu:.2f}, above the matmul peak of the same machine",
            "the timing cannot be trusted: run it again on an idle machine",
        )
    return Throughput(
        tokens_per_s=batch_tokens / step_s,
        tokens_per_s_repeats=[batch_tokens / s for s in seconds],
        step_s=step_s,
        matmul_peak_flops=peak,
        train_flops_per_token=counted.train_flops_per_token,
        mfu=mfu,
        assignments_per_token=assignments,
        params_total=counted.params_total,
        params_active=active.params_active,
    )


def settle(trainer: Trainer) -> None:
    """Train on until a strategy that steers its number of experts has come to hover around it."""
    if trainer.strategy is not None and trainer.strategy.steers_k:
        for step in range(SETTLING_STEPS):
            trainer.step(step)


def matmul_peak(trainer: Trainer, products: int = 8) -> float:
    """FLOP/s of square products in the precision of the run, best of a few."""
    dtype = torch.float32 if trainer.config.precision == "fp32" else torch.bfloat16
    side = PEAK_SIDE if trainer.device == "cpu" else 8 * PEAK_SIDE
    a, b = (torch.randn(side, side, device=trainer.device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    best = float("inf")
    for _ in range(products):
        synchronise(trainer.device)
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        synchronise(trainer.device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best
