"""Control: experts by position in the sequence, whatever the token."""

import torch
from torch import Tensor

from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def route(_: Tensor, context: RouteContext) -> Routing:
    """Token at position s goes to experts s, s + 1, ... s + K - 1 modulo E, with weights 1/K."""
    offset_K = torch.arange(context.top_k, device=context.position_T.device)
    expert_TK = (context.position_T.unsqueeze(-1) + offset_K) % context.num_experts
    weight_TK = torch.full(expert_TK.shape, 1 / context.top_k, device=expert_TK.device)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="position hash",
    source="control: position modulo E, which the original study called hash",
    causal=True,
    group="token",
    router_gradient="none",
    balanced_by="rule",
    control=True,
    reads_logits=False,
    route=route,
)
