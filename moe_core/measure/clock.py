"""Seconds of a call, of functions that take turns."""

import math
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import torch

Name = TypeVar("Name", bound=Hashable)
SAMPLE_S = 2e-3  # a sample lasts this long or one call, so that a clock's grain does not count


def synchronise(device: str) -> None:
    """Wait for queued GPU work."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds_in_turn(
    functions: Mapping[Name, Callable[[], object]], repeats: int, device: str
) -> dict[Name, list[float]]:
    """Seconds a call of each function, ``repeats`` samples.

    Samples go round all functions in turn, so that a slow minute of the machine touches them alike;
    a function is called before, so that what it compiles or allocates once does not count.
    """
    calls = {}
    for name, function in functions.items():
        function()
        one = _seconds(function, 1, device)
        calls[name] = max(1, math.ceil(SAMPLE_S / max(one, 1e-9)))
    samples: dict[Name, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            samples[name].append(_seconds(function, calls[name], device))
    return samples


def spread_ms(seconds: list[float]) -> dict[str, object]:
    """Columns of two samples or more: median, quartiles, number, and the samples themselves."""
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {
        "ms": middle * 1e3,
        "ms_lower_quartile": low * 1e3,
        "ms_upper_quartile": high * 1e3,
        "samples": len(seconds),
        "samples_ms": " ".join(f"{1e3 * s:.6g}" for s in seconds),
    }


def _seconds(function: Callable[[], object], calls: int, device: str) -> float:
    synchronise(device)
    start = time.perf_counter()
    for _ in range(calls):
        function()
    synchronise(device)
    return (time.perf_counter() - start) / calls
