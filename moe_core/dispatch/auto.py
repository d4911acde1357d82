"""Which backend is the fastest: the nearest measured shape tells (benchmarks/dispatch.py)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from moe_core.dispatch.grouped import takes
from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.measured import FASTEST
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing

FEW = 4096  # assignments of a pass without gradients (benchmarks/generation.py, experts)
FEWEST = 16  # of a compiled one, of which each reads its expert alone


class Sizes(NamedTuple):
    """What speed depends on besides device, precision and threads; rows: mean of an expert."""

    experts: int
    rows: int
    dim: int
    hidden: int

    def distance(self, other: "Sizes") -> float:
        """In octaves."""
        return sum(abs(math.log2(a / b)) for a, b in zip(self, other, strict=True))


def fastest(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Backend:
    """The winner at the nearest shape measured.

    What was not measured: a compiler gets ``padded``, which it can take. A GPU gets
    ``grouped`` in bf16, for which its library has a kernel, and ``padded`` in fp32.
    Few assignments without gradients, as of a decoder, get ``active``, fewest ones under a compiler
    ``gathered``.
    """
    known, few = takes(x_TD, weights), len(routing.expert_A) <= FEW and not torch.is_grad_enabled()
    if torch.compiler.is_compiling():
        if not few or x_TD.device.type != "cpu":
            return "padded"
        return "gathered" if len(routing.expert_A) <= FEWEST or not known else "active"
    _, dim, hidden = weights.out_EDF.shape
    if x_TD.device.type != "cpu":
        return "grouped" if x_TD.dtype == torch.bfloat16 and known else "padded"
    if known and few:
        return "active"
    rows = max(1, len(routing.expert_A) // routing.num_experts)
    sizes = Sizes(routing.num_experts, rows, dim, hidden)
    precision = "bf16" if x_TD.dtype == torch.bfloat16 else "fp32"
    threads = "one" if torch.get_num_threads() == 1 else "more"
    table = FASTEST[precision, threads]
    if not known:
        table = {measured: name for measured, name in table.items() if name != "grouped"}
    nearest = min(table, key=lambda measured: sizes.distance(Sizes(*measured)))
    return table[nearest]
