"""Time of a router's product in each precision, by shape, with the kernels of the machine.

Weights are rounded once, before; tokens come in float32, and rounding them is part of the call.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from moe_core.measure.clock import seconds_in_turn, spread_ms, synchronise
from moe_core.random_streams import stream
from moe_core.routing.precision import PRODUCTS, int_product, quantised, scaled_product
from moe_core.routing.router_net import ROUTER_PRECISIONS, RouterPrecision

TOLD = 0.05  # share of a call from which an operation is named
TYPES: dict[RouterPrecision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TimedCall:
    """One path on one shape. exact: whether integers came out right; None of floats."""

    precision: RouterPrecision
    shape: tuple[int, int, int]
    call: Callable[[], Tensor]
    exact: bool | None


def kernel_product(x_TD: Tensor, w_ED: Tensor) -> Tensor:
    """``x w^T`` of int8 factors in int32, by the machine's own kernel."""
    tokens, num_experts = len(x_TD), len(w_ED)
    if x_TD.is_cuda:
        x_TD, w_ED = for_tensor_cores(x_TD, w_ED)
    return torch._int_mm(x_TD, w_ED.T)[:tokens, :num_experts]


def for_tensor_cores(x_TD: Tensor, w_ED: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the zeros that the kernel of a GPU needs: over 16 rows, D and E multiples of 8."""
    (tokens, dim), num_experts = x_TD.shape, len(w_ED)
    x_TD = F.pad(x_TD, (0, -dim % 8, 0, max(0, 17 - tokens)))
    return x_TD, F.pad(w_ED, (0, -dim % 8, 0, -num_experts % 8))


def prepared(precision: RouterPrecision, x_TD: Tensor, w_ED: Tensor) -> TimedCall:
    """The call that is timed, its weights rounded already."""
    shape = (*x_TD.shape, len(w_ED))
    if precision == "int8":
        q_ED, scale_E1 = quantised(w_ED)
        factors = quantised(x_TD)[0], q_ED
        exact = torch.equal(kernel_product(*factors), int_product(*factors))
        call = partial(scaled_product, x_TD, q_ED, scale_E1, kernel_product)
        return TimedCall(precision, shape, call, exact)
    rounded_ED = w_ED.to(TYPES.get(precision, w_ED.dtype))
    return TimedCall(precision, shape, partial(PRODUCTS[precision], x_TD, rounded_ED), None)


@torch.no_grad()
def time_precisions(
    tokens: Sequence[int],
    dims: Sequence[int],
    num_experts: Sequence[int],
    repeats: int,
    device: str,
) -> list[dict[str, object]]:
    """One row a (precision, shape): median and quartiles over rounds, and what ran.

    Rounds go through all calls in turn, so that a slow minute touches them alike. ratio: over the
    median of float32 on that shape.
    """
    timed = []
    for shape in product(tokens, dims, num_experts):
        rows, dim, experts = shape
        x_TD = torch.randn(rows, dim, generator=stream(0, "tokens", *shape)).to(device)
        w_ED = torch.randn(experts, dim, generator=stream(0, "weights", *shape)).to(device)
        for precision in ROUTER_PRECISIONS:
            timed.append(prepared(precision, x_TD, w_ED))
    calls = {(one.precision, one.shape): one.call for one in timed}
    samples = seconds_in_turn(calls, repeats, device)
    return [
        _row(
            one,
            samples[one.precision, one.shape],
            statistics.median(samples["fp32", one.shape]),
            operations(one.call, device),
        )
        for one in timed
    ]


def _row(one: TimedCall, seconds: list[float], fp32_s: float, ran: str) -> dict[str, object]:
    return {
        "router_precision": one.precision,
        **dict(zip(("tokens", "dim", "num_experts"), one.shape, strict=True)),
        **spread_ms(seconds),
        "ratio": statistics.median(seconds) / fp32_s,
        "exact": one.exact,
        "operations": ran,
    }


def operations(call: Callable[[], Tensor], device: str) -> str:
    """Names of what one call spends its time in, the longest first: kernels on a GPU."""
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
    with profile(activities=kinds) as profiled:
        call()
        synchronise(device)
    on_device = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    spent = {event.key: float(getattr(event, on_device)) for event in profiled.key_averages()}
    total = sum(spent.values())
    longest_first = sorted(spent, key=spent.__getitem__, reverse=True)
    return ", ".join(name for name in longest_first if spent[name] >= TOLD * total)
