"""Settings of the process that training and timing depend on, in one place.

Each is worth measuring: on a CPU without matrix extensions the fast fp32 path of oneDNN doubles
the rate of a product at equal accuracy, and a kept heap saves a page fault per fresh page.
"""

import ctypes
import os
import sys
from dataclasses import asdict, dataclass

import torch

from moe_core.errors import StudyError
from moe_core.provenance import cpu_name

FP32_TOLERANCE = 1e-3  # of a 512-long product of unit normals; true bf16 is off by 1e-1


@dataclass(frozen=True)
class ProcessSettings:
    """What was set, as reported in summaries."""

    device: str
    device_name: str
    threads: int
    fp32_matmul: str
    heap_kept: bool
    waiting_threads: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def prepare_process(device: str, threads: int) -> ProcessSettings:
    """Set threads, the fp32 matmul library and the allocator. StudyError if CUDA is missing."""
    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("device", "cuda asked for, but torch sees no GPU", "set device: cpu")
    torch.set_num_threads(threads)
    waiting = os.environ.get("OMP_WAIT_POLICY", "default")
    name = torch.cuda.get_device_name() if device == "cuda" else cpu_name()
    return ProcessSettings(device, name, threads, _fast_fp32_matmul(), _keep_heap(), waiting)


def _fast_fp32_matmul() -> str:
    """Let oneDNN take fp32 products if it stays accurate to fp32 on this CPU."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 512, generator=draw) for _ in range(2))
    error = ((a @ b).double() - a.double() @ b.double()).abs().max().item()
    if error <= FP32_TOLERANCE:
        return "onednn"
    torch.backends.mkldnn.matmul.fp32_precision = "ieee"  # type: ignore[attr-defined]
    return "default"


def _keep_heap() -> bool:
    """Let glibc reuse large blocks instead of returning each to the kernel (mallopt(3))."""
    if not sys.platform.startswith("linux"):
        return False
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(
        mallopt(option, value) == 1
        for option, value in (
            (m_mmap_max, 0),
            (m_trim_threshold, 2**31 - 1),
            (m_top_pad, 64 << 20),
        )
    )
