"""Rules of the strategies that one kernel can follow."""

from functools import partial

from torch import Tensor

from moe_core.dispatch.triton.select import select
from moe_core.dispatch.triton.selection import Gate
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Rule


def _route(logits_TE: Tensor, context: RouteContext, gate: Gate) -> Routing:
    bias_E = context.state.get("bias_E")
    expert_TK, weight_TK = select(logits_TE, gate, context.top_k, bias_E)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


GATES: dict[str, Gate] = {
    "softk": "chosen",
    "softk_pre": "all",
    "top1": "all",
    "loss_free": "sigmoid",
}
RULES: dict[str, Rule] = {name: partial(_route, gate=gate) for name, gate in GATES.items()}
