import time

import pytest
import torch

from moe_core.measure.allocator import peak_bytes
from moe_core.measure.clock import seconds_in_turn

FLOATS = 1 << 20


def test_a_sample_is_the_time_of_one_call():
    calls = {"short": lambda: time.sleep(1e-4), "long": lambda: time.sleep(0.02)}
    samples = seconds_in_turn(calls, repeats=3, device="cpu")
    assert all(len(found) == 3 for found in samples.values())
    assert 1e-4 <= min(samples["short"]) < 1e-3  # of many calls, which take 2 ms together
    assert min(samples["long"]) == pytest.approx(0.02, abs=0.01)


def test_what_is_given_back_before_the_peak_does_not_count():
    def call() -> None:
        first = torch.ones(FLOATS)
        second = first + 1
        del first
        second * 2

    assert peak_bytes(call, "cpu") == pytest.approx(2 * 4 * FLOATS, rel=0.01)


def test_what_lives_together_counts_together():
    def call() -> list[torch.Tensor]:
        return [torch.ones(FLOATS) for _ in range(5)]

    assert peak_bytes(call, "cpu") == pytest.approx(5 * 4 * FLOATS, rel=0.01)
