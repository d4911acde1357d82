import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from moe_core.errors import StudyError
from moe_core.model.flops import cost
from moe_core.training import throughput
from moe_core.training.config import ThroughputConfig
from moe_core.training.loop import Trainer
from moe_core.training.throughput import matmul_peak, measure_throughput

TrainerOf = Callable[..., Trainer]
TIMING = ThroughputConfig(warmup_steps=2, repeats=3, steps_per_repeat=4)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass only where a test lets them."""
    now = [0.0]
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def peak(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Peaks to be measured, one a call, the last for ever; each takes a minute."""
    peaks = [1e15]

    def measured(_: Trainer) -> float:
        clock[0] += 60
        return peaks.pop(0) if len(peaks) > 1 else peaks[0]

    monkeypatch.setattr(throughput, "matmul_peak", measured)
    return peaks


def slow(
    trainer: Trainer, clock: list[float], monkeypatch: pytest.MonkeyPatch, seconds: list[float]
) -> list[int]:
    """Let each step do nothing for a time, the i-th block of steps for the i-th length."""
    steps: list[int] = []

    def step(number: int) -> torch.Tensor:
        steps.append(number)
        block = (number - TIMING.warmup_steps) // TIMING.steps_per_repeat
        clock[0] += 10 if number < TIMING.warmup_steps else seconds[block]
        return torch.tensor(0.0)

    monkeypatch.setattr(trainer, "step", step)
    return steps


def test_tokens_per_second_of_a_known_clock(
    trainer_of: TrainerOf, clock: list[float], peak: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """D7: batch tokens over seconds of a whole step; warm-up, peak and evaluation are outside."""
    trainer = trainer_of(None, evaluate_every=1)
    monkeypatch.setattr("moe_core.training.loop.evaluate", lambda *_: pytest.fail("evaluated"))
    steps = slow(trainer, clock, monkeypatch, [0.25, 2.0, 0.5])
    timed = measure_throughput(trainer, TIMING)
    assert steps == [*range(2 + 3 * 4)]
    assert timed.step_s == 0.5  # the median of the blocks
    assert timed.tokens_per_s == 4 * 32 / 0.5
    assert timed.tokens_per_s_repeats == [4 * 32 / s for s in (0.25, 2.0, 0.5)]


def test_a_real_sleep_is_seen(trainer_of: TrainerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(None)
    monkeypatch.setattr(throughput, "matmul_peak", lambda _: 1e15)
    monkeypatch.setattr(trainer, "step", lambda _: time.sleep(0.02))
    timed = measure_throughput(trainer, TIMING)
    assert 4 * 32 / 0.2 < timed.tokens_per_s <= 4 * 32 / 0.02  # sleep may last longer, never less


def test_utilisation(
    trainer_of: TrainerOf, clock: list[float], peak: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(None)
    slow(trainer, clock, monkeypatch, [0.01] * 3)
    peak[:] = [1e9, 5e9, 2e9, 3e9]  # one between each two blocks; the best counts
    timed = measure_throughput(trainer, TIMING)
    flops = cost(trainer.model.config, 18, 32, 1).train_flops_per_token
    assert trainer.model.head.out_features == 18
    assert timed.matmul_peak_flops == 5e9
    assert timed.train_flops_per_token == flops
    assert timed.mfu == pytest.approx(flops * 4 * 32 / timed.step_s / 5e9)


def test_utilisation_above_one_stops(
    trainer_of: TrainerOf, clock: list[float], peak: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(None)
    slow(trainer, clock, monkeypatch, [0.001] * 3)
    peak[:] = [1e6]
    with pytest.raises(StudyError, match="^throughput: .*utilisation") as error:
        measure_throughput(trainer, TIMING)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("strategy", ["softk", "coe", "gshard"])
@pytest.mark.parametrize(("factor", "most"), [(0.5, 1.0), (4.0, 2.0)])
def test_flops_count_the_assignments_that_were_kept(
    trainer_of: TrainerOf,
    clock: list[float],
    peak: list[float],
    monkeypatch: pytest.MonkeyPatch,
    factor: float,
    most: float,
    strategy: str,
) -> None:
    trainer = trainer_of(strategy, moe={"capacity_factor": factor})
    step = trainer.step

    def timed_step(number: int) -> torch.Tensor:
        clock[0] += 1
        return step(number)

    monkeypatch.setattr(trainer, "step", timed_step)
    timed = measure_throughput(trainer, TIMING)
    last = trainer.layers
    assert timed.assignments_per_token <= most
    assert timed.assignments_per_token == pytest.approx(
        sum(int(r.routing.kept_A.sum()) for r in last) / 256, rel=0.1
    )
    counted = cost(trainer.model.config, 18, 32, timed.assignments_per_token)
    assert timed.train_flops_per_token == counted.train_flops_per_token
    assert timed.params_total == sum(p.numel() for p in trainer.model.parameters())
    assert timed.params_active < timed.params_total


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_matmul_peak_is_of_the_product_and_precision(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    asked: list[tuple[torch.dtype, tuple[int, ...]]] = []

    def product(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
        asked.append((a.dtype, (*a.shape, *b.shape)))
        clock[0] += 0.25 if len(asked) == 2 else 0.5  # the best counts

    monkeypatch.setattr(throughput, "PEAK_SIDE", 64)
    monkeypatch.setattr(torch, "mm", product)
    trainer = SimpleNamespace(config=SimpleNamespace(precision=precision), device="cpu")
    assert matmul_peak(trainer, products=3) == 2 * 64**3 / 0.25
    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    assert asked == [(dtype, (64, 64, 64, 64))] * 3


@pytest.mark.parametrize("strategy", ["remoe", "expert_threshold", "softk"])
def test_a_strategy_that_steers_k_is_timed_when_it_has_reached_it(
    trainer_of: TrainerOf, strategy: str
) -> None:
    trainer = trainer_of(strategy, moe={"num_experts": 8})
    trainer.step(0)
    started = trainer.model.embedding.weight.clone()
    throughput.settle(trainer)
    used = sum(layer.routing.token_A.numel() for layer in trainer.layers)
    tokens = sum(layer.routing.num_tokens for layer in trainer.layers)
    assert used / tokens == pytest.approx(2, rel=0.25)  # it hovers
    assert torch.equal(trainer.model.embedding.weight, started) == (strategy == "softk")


def test_time_starts_when_k_is_reached(
    trainer_of: TrainerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of four gates are open at first, and stay so for the few steps of a warm-up."""
    monkeypatch.setattr(throughput, "matmul_peak", lambda _: 1e15)
    timed = measure_throughput(trainer_of("remoe", moe={"top_k": 1}), TIMING)
    assert 0.5 < timed.assignments_per_token < 1.5
