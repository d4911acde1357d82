"""Settings of the process that training and timing depend on, in one place.

Each is set, then checked by measurement, and what was found stands in every summary:

- fp32 products go to oneDNN where it stays accurate (a product against float64): on a CPU without
  matrix extensions it is twice as fast, on one with them it may mean bf16, and is undone;
- the heap is kept (page faults of a block used a second time): a fresh page costs more than the
  arithmetic on it;
- waiting threads give their core away (CPU seconds while the process sleeps): spinning ones stall
  whatever shares the machine. ``moe_core`` asks for it when it is imported, for OpenMP reads its
  settings once, when torch loads.
"""

import ctypes
import resource
import sys
import time
from dataclasses import asdict, dataclass

import torch

from moe_core.errors import StudyError
from moe_core.provenance import cpu_name

FP32_TOLERANCE = 1e-3  # of a 512-long product of unit normals; true bf16 is off by 1e-1
PAGE = 4096


@dataclass(frozen=True)
class ProcessSettings:
    """What was found, as reported in summaries.

    fp32_matmul: the library of fp32 products, onednn or default, and its largest error in a product
    of 512 unit normals. heap_kept: memory used once is used again. waiting_threads: asleep or
    spinning, alone where there is one thread.
    """

    device: str
    device_name: str
    threads: int
    fp32_matmul: str
    fp32_matmul_error: float
    heap_kept: bool
    waiting_threads: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def prepare_process(device: str, threads: int) -> ProcessSettings:
    """Set threads, the fp32 matmul library and the allocator. StudyError if CUDA is missing."""
    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("device", "cuda asked for, but torch sees no GPU", "set device: cpu")
    torch.set_num_threads(threads)
    _keep_heap()
    library, error = _fast_fp32_matmul()
    name = torch.cuda.get_device_name() if device == "cuda" else cpu_name()
    return ProcessSettings(
        device, name, threads, library, error, _heap_is_kept(), _waiting_threads(threads)
    )


def _fast_fp32_matmul() -> tuple[str, float]:
    """Let oneDNN take fp32 products if it stays accurate to fp32 on this CPU."""
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    settings.fp32_precision = "bf16"
    error = _error_of_a_product()
    if error <= FP32_TOLERANCE:
        return "onednn", error
    settings.fp32_precision = "ieee"
    return "default", _error_of_a_product()


def _error_of_a_product() -> float:
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 512, generator=draw) for _ in range(2))
    return ((a @ b).double() - a.double() @ b.double()).abs().max().item()


def _keep_heap() -> None:
    """Let glibc reuse large blocks instead of returning each to the kernel (mallopt(3))."""
    if not sys.platform.startswith("linux"):
        return
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, 2**31 - 1)
    mallopt(m_top_pad, 64 << 20)


def _heap_is_kept(megabytes: int = 32) -> bool:
    """Whether a block that was freed comes back without page faults."""
    faults = []
    for _ in range(4):  # the first fetches it; a kernel that is short of memory may take it back
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(megabytes << 18)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(faults) < (megabytes << 20) / PAGE / 10


def _waiting_threads(threads: int, naps: int = 10, seconds: float = 0.005) -> str:
    """What the other threads do after a parallel operation.

    In many short naps: on a busy machine a thread that spins gets a core in some of them only.
    """
    if threads == 1:
        return "alone"
    used = 0.0
    for _ in range(naps):
        torch.ones(1 << 20).add_(1)
        before = time.process_time()
        time.sleep(seconds)
        used += time.process_time() - before
    return "spinning" if used > 0.1 * naps * seconds else "asleep"
