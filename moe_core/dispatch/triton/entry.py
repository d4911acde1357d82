"""The way to the kernels. Free of triton until one is asked for."""

import importlib.util
from types import ModuleType

import torch

from moe_core.errors import StudyError


def kernels(device: torch.device) -> ModuleType:
    """``backend``, with all that a layer uses.

    Raises StudyError where the package is missing, and off a GPU outside the interpreter.
    """
    if importlib.util.find_spec("triton") is None:
        raise StudyError(
            "dispatch",
            "'triton' needs the package triton, which is not installed",
            "pip install 'moe-routing-bench[kernels]'",
        )
    from moe_core.dispatch.triton import backend

    if device.type != "cuda" and not backend.INTERPRETED:
        raise StudyError("dispatch", f"'triton' runs on a GPU, not on {device.type}", "use auto")
    return backend
