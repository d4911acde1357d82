"""Which backend is the fastest, by device, precision and shape, as benchmarks/dispatch.py found."""

import torch
from torch import Tensor

from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def fastest(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Backend:
    """Name of a backend."""
    if torch.compiler.is_compiling():
        return "padded"
    return "segments"
