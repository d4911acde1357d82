"""Interleaved timing on a machine that is never quite quiet, and the memory of one call.

To be imported before torch.
"""

import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

# many layers take turns: without room for all their kernels each would find its own forgotten
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")

import moe_core  # noqa: F401  the settings of every job

# isort: split
from moe_core.measure.allocator import peak_bytes
from moe_core.measure.clock import synchronise

OTHERS = 0.03  # of a core, used by other processes during a sample: above, it is retaken

OWN = str(os.getpid())


@dataclass
class Timing:
    """Samples in seconds; clean ones are those that no other process disturbed."""

    clean: list[float] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Median of the clean samples; where there is none, the fastest of the disturbed."""
        return statistics.median(self.clean) if self.clean else min(self.disturbed)

    def as_dict(self) -> dict[str, float | int]:
        """ms, its spread over the clean samples, and how many there are."""
        quartiles = statistics.quantiles(self.clean, n=4) if len(self.clean) > 1 else [self.seconds]
        return {
            "ms": self.seconds * 1e3,
            "ms_lower_quartile": quartiles[0] * 1e3,
            "ms_upper_quartile": quartiles[-1] * 1e3,
            "samples": len(self.clean),
            "disturbed": len(self.disturbed),
        }


def interleaved(
    functions: dict[str, Callable[[], object]], rounds: int, device: str, budget_s: float
) -> dict[str, Timing]:
    """Each function once a round, in a shuffled order, until each has ``rounds`` clean samples.

    A slow minute of the machine touches all alike. Stops after ``budget_s`` with what there is.
    """
    for function in functions.values():
        for _ in range(4):  # caches, and a compiled kernel for each number of rows
            function()
    timings = {name: Timing() for name in functions}
    order = random.Random(0)
    end = time.monotonic() + budget_s
    while lacking := [name for name in functions if len(timings[name].clean) < rounds]:
        order.shuffle(lacking)
        for name in lacking:
            synchronise(device)
            others = _others_s()
            start = time.perf_counter()
            functions[name]()
            synchronise(device)
            seconds = time.perf_counter() - start
            clean = _others_s() - others <= OTHERS * seconds
            (timings[name].clean if clean else timings[name].disturbed).append(seconds)
        if time.monotonic() > end:
            break
    return timings


def _others_s() -> float:
    """CPU seconds that the threads of other processes have used so far; 0 where unknown."""
    total = 0
    for task in Path("/proc").glob("[0-9]*/task/*/schedstat"):
        if task.parts[2] != OWN:
            try:
                total += int(task.read_text().split()[0])
            except (OSError, IndexError):
                continue  # it ended meanwhile
    return total / 1e9


def peak_extra_bytes(
    function: Callable[[], object], forget: Callable[[], object], device: str
) -> int:
    """Most memory above what was there before, over one call after a first one.

    forget: drops what the first call left behind, such as gradients, so that it counts again.

    On a CPU resident memory as the kernel saw it: pages that the first call left in the heap are
    given back before, so that they count again.
    """
    function()
    forget()
    if device == "cuda":
        return peak_bytes(function, device)
    import ctypes
    import gc

    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = _status("VmRSS")
    function()
    return _status("VmHWM") - before


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024
