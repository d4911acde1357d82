"""Hash Layers: a fixed table sends each vocabulary id to the same k experts, with weights 1/k."""

import torch
from torch import Tensor

from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy


def balanced_table(counts_V: Tensor, num_experts: int, top_k: int) -> Tensor:
    """Frequency-balanced table_VK: ids by falling count, each to k lightly loaded experts.

    counts_V: occurrences of each id in the training split. (Hash Layers, arXiv 2106.04426,
    section 3.2, balanced assignment.) Loads are compared with a random handicap below the id's
    own count: without it the k experts that one id chose stay equally loaded, choose alike ever
    after, and act as one expert of k times the width.
    """
    draw = torch.Generator().manual_seed(0)
    table_VK = torch.empty(counts_V.numel(), top_k, dtype=torch.int64)
    load_E = torch.zeros(num_experts, dtype=torch.int64)
    for token in torch.sort(counts_V, descending=True, stable=True).indices.tolist():
        # a token that was never seen still takes a place, or all such tokens would share one
        count = counts_V[token].clamp(min=1)
        handicap_E = torch.rand(num_experts, generator=draw, dtype=torch.float64)
        chosen_K = (load_E + count * handicap_E).topk(top_k, largest=False).indices
        table_VK[token] = chosen_K
        load_E[chosen_K] += count
    return table_VK


def route(_: Tensor, context: RouteContext) -> Routing:
    """Look the token's experts up; content, position and training do not matter."""
    assert context.table_VK is not None
    expert_TK = context.table_VK[context.token_id_T]
    weight_TK = torch.full(expert_TK.shape, 1 / context.top_k, device=expert_TK.device)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="hash",
    source="Hash Layers, arXiv 2106.04426, section 3.2",
    causal=True,
    group="token",
    router_gradient="none",
    balanced_by="rule",
    reads_logits=False,
    route=route,
    table=balanced_table,
)
