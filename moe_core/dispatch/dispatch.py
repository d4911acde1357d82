"""One function for every way to multiply by the routing matrix."""

import torch
from torch import Tensor

from moe_core.dispatch.active import active
from moe_core.dispatch.auto import fastest
from moe_core.dispatch.gathered import gathered
from moe_core.dispatch.grouped import grouped
from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.padded import padded
from moe_core.dispatch.reference import expert, reference
from moe_core.dispatch.segments import all_rows, segments
from moe_core.dispatch.triton.entry import kernels
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


def _triton(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    return kernels(x_TD.device).multiply(x_TD, routing, weights)


BACKENDS = {
    "reference": reference,
    "padded": padded,
    "grouped": grouped,
    "segments": segments,
    "active": active,
    "gathered": gathered,
    "triton": _triton,
}


def dispatch(
    x_TD: Tensor, routing: Routing, weights: ExpertWeights, backend: Backend = "auto"
) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of the routing matrix W.

    reference: a readable loop. padded: batched products of equal size, static shapes. grouped:
    ``grouped_mm`` on sorted rows. segments: CPU alone, products a segment. active: the same as
    grouped in fewer steps, for few tokens. gathered: for few tokens under a compiler, no sort.
    triton: GPU alone, rows moved by kernels. auto: the fastest of the others by measurement. All
    are equal but for rounding. Under autocast, in its precision.
    """
    x_TD, weights = in_autocast(x_TD, weights)
    if backend == "auto":
        backend = fastest(x_TD, routing, weights)
    with torch.autocast(x_TD.device.type, enabled=False):
        return BACKENDS[backend](x_TD, routing, weights)


def in_autocast(x_TD: Tensor, weights: ExpertWeights) -> tuple[Tensor, ExpertWeights]:
    """Both in the precision of autocast, where it is on."""
    device = x_TD.device.type
    if not torch.is_autocast_enabled(device):
        return x_TD, weights
    precision = torch.get_autocast_dtype(device)
    return x_TD.to(precision), weights.to(precision)


def dense(x_TD: Tensor, weights: ExpertWeights) -> Tensor:
    """One expert on all tokens: the dense layer that others are compared with, as fast as they."""
    if x_TD.device.type == "cpu" and not torch.compiler.is_compiling():
        x_TD, weights = in_autocast(x_TD, weights)
        return all_rows(x_TD, weights)
    return expert(x_TD, weights.in_EHD[0], weights.out_EDF[0], weights.activation)
