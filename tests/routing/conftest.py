from typing import Any

import torch

from moe_core.routing.slots import slots_per_expert
from moe_core.routing.strategy import RouteContext

E, V = 8, 50


def context_of(tokens: int, top_k: int = 2, group_size: int = 32, **changes: Any) -> RouteContext:
    """Random token ids in sequences of ``group_size``, capacity factor 1; keywords change it."""
    plain: dict[str, Any] = {
        "token_id_T": torch.randint(V, (tokens,), generator=torch.Generator().manual_seed(1)),
        "position_T": torch.arange(tokens) % group_size,
        "group_size": group_size,
        "num_experts": E,
        "top_k": top_k,
        "capacity": slots_per_expert(1.0, top_k, group_size, E),
    }
    return RouteContext(**plain | changes)


def logits_of(seed: int, tokens: int, skew: float = 0.0) -> torch.Tensor:
    """Random logits; skew lifts the first expert above the others for every token."""
    logits_TE = torch.randn(tokens, E, generator=torch.Generator().manual_seed(seed))
    return logits_TE + skew * (torch.arange(E) == 0)
