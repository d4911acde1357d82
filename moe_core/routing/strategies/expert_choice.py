"""Expert choice: each expert takes its C best tokens of the sequence. Not causal in training."""

import torch
from torch import Tensor

from moe_core.routing import threshold
from moe_core.routing.routing import Routing, from_mask
from moe_core.routing.strategy import RouteContext, Strategy


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Per sequence, expert e keeps the C largest entries of column e of p = softmax(z).

    The weight is p itself. A token may be taken by any number of experts, or by none. Whether an
    expert takes a token depends on all tokens of the sequence, later ones included. Of equal scores
    the earlier token's goes first.
    """
    prob_GSE = logits_TE.softmax(-1).unflatten(0, (-1, context.group_size))
    # not topk, which breaks ties as it likes on a GPU
    ranked_GSE = prob_GSE.detach().sort(dim=1, descending=True, stable=True).indices
    taken_GCE = ranked_GSE[:, : context.capacity]
    mask_GSE = torch.zeros_like(prob_GSE, dtype=torch.bool).scatter(1, taken_GCE, True)
    return from_mask(mask_GSE.flatten(0, 1), prob_GSE.flatten(0, 1))


STRATEGY = Strategy(
    label="expert choice",
    source="Expert Choice, arXiv 2202.09368, section 3.2",
    causal=False,
    group="sequence",
    router_gradient="task",
    balanced_by="rule",
    fills_capacity=True,
    route=route,
    # a decoder cannot rank tokens to come: it compares with what a taken token scored in training
    decode=threshold.above,
    state=threshold.initial,
    update=threshold.follow_capacity,
)
