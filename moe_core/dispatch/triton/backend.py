"""What a layer of backend ``triton`` uses: rules, capacity and dispatch by kernels."""

from torch import Tensor

from moe_core.dispatch.grouped import products
from moe_core.dispatch.triton.move import combine, lay_out, pack
from moe_core.dispatch.triton.rules import RULES
from moe_core.dispatch.triton.slots import limit_capacity
from moe_core.dispatch.triton.tuning import INTERPRETED
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing

__all__ = ["INTERPRETED", "RULES", "limit_capacity", "multiply"]


def multiply(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
    """``y = W @ experts(x)`` over the kept entries of W: packed rows, ``grouped_mm``, sums."""
    layout = lay_out(routing)
    y_PD = products(pack(x_TD, layout), layout.end_E, weights)
    return combine(y_PD, routing.weight_A, layout)
