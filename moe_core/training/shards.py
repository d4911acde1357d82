"""A batch in shards: micro-batches of one process, or of several side by side.

The result is that of the whole batch but for rounding. What a strategy's losses and updates read
of a batch (loads, logits, thresholds) is what all shards decided, put together; its gradient flows
into one shard at a time, so that the sum over shards is the gradient of the whole.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor

from moe_core.model.config import MoEConfig
from moe_core.routing import registry
from moe_core.routing.routing import Routing
from moe_core.routing.strategy import RoutedLayer


def shard_rows(batch_size: int, shards: int) -> list[slice]:
    """Consecutive sequences of each shard, as equal in number as can be."""
    ends = [batch_size * i // shards for i in range(shards + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def largest_cut(routing: Iterable[MoEConfig], batch_size: int) -> int:
    """Into how many shards a batch can be cut: one where a choice looks at all of it."""
    whole = any(
        registry.load(moe.strategy).group == "batch" or moe.drop_policy == "random"
        for moe in routing
    )
    return 1 if whole else batch_size


def detached(layers: list[RoutedLayer]) -> list[RoutedLayer]:
    """What layers decided, without gradients."""
    return [
        replace(
            layer,
            routing=replace(layer.routing, weight_A=layer.routing.weight_A.detach()),
            logits_TE=None if layer.logits_TE is None else layer.logits_TE.detach(),
        )
        for layer in layers
    ]


def whole_batch(shards: list[list[RoutedLayer]]) -> list[RoutedLayer]:
    """The layers of consecutive shards as if the batch had never been cut."""
    return [_joined(list(layers)) for layers in zip(*shards, strict=True)]


def _joined(parts: list[RoutedLayer]) -> RoutedLayer:
    routings = [part.routing for part in parts]
    tokens = torch.tensor([routing.num_tokens for routing in routings])
    first = [int(n) for n in tokens.cumsum(0) - tokens]
    per_token = {routing.per_token for routing in routings}
    most_kept = [routing.most_kept for routing in routings]
    logits = [part.logits_TE for part in parts]
    return replace(
        parts[0],
        routing=Routing(
            torch.cat([r.token_A + start for r, start in zip(routings, first, strict=True)]),
            torch.cat([r.expert_A for r in routings]),
            torch.cat([r.weight_A for r in routings]),
            torch.cat([r.kept_A for r in routings]),
            int(tokens.sum()),
            routings[0].num_experts,
            per_token.pop() if len(per_token) == 1 else None,
            None if None in most_kept else sum(cast(list[int], most_kept)),
        ),
        logits_TE=None if logits[0] is None else torch.cat(cast(list[Tensor], logits)),
        context=replace(
            parts[0].context,
            token_id_T=torch.cat([part.context.token_id_T for part in parts]),
            position_T=torch.cat([part.context.position_T for part in parts]),
        ),
    )
