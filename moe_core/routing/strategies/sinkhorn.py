"""Sinkhorn: tokens are assigned by a balanced transport plan in training, greedily by a decoder."""

import math

import torch
from torch import Tensor

from moe_core.routing.choice import best_experts
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategy import RouteContext, Strategy

TOLERANCE = 0.01
MAX_ITERATIONS = 100


@torch.no_grad()
def transport_plan(logits_GSE: Tensor) -> Tensor:
    """plan_GSE proportional to exp(z) up to a factor a row and a factor a column.

    Rows sum to 1, and columns to S / E within 1 % (Sinkhorn's alternation, in logarithms). Each
    sequence stops for itself, so that its plan does not depend on its neighbours.
    """
    log_share = math.log(logits_GSE.shape[-2] / logits_GSE.shape[-1])
    log_plan_GSE = logits_GSE.double().log_softmax(-1)
    for _ in range(MAX_ITERATIONS):
        excess_G1E = log_plan_GSE.logsumexp(-2, keepdim=True) - log_share
        unbalanced_G11 = excess_G1E.expm1().abs().amax(-1, keepdim=True) > TOLERANCE
        if not unbalanced_G11.any():
            break
        next_GSE = (log_plan_GSE - excess_G1E).log_softmax(-1)
        log_plan_GSE = torch.where(unbalanced_G11, next_GSE, log_plan_GSE)
    return log_plan_GSE.exp()


def route(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The k largest entries of each row of the sequence's plan, weighted by sigmoid(z).

    The plan is made for one expert a token, and its largest entries are near-balanced only: with
    k above 1 the second choices less so. The papers assign over a batch; here over a sequence.
    """
    plan_GSE = transport_plan(logits_TE.unflatten(0, (-1, context.group_size)))
    return _weighted(logits_TE, plan_GSE.flatten(0, 1).logit(), context)


def decode(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The k largest logits: a token alone cannot be balanced against others."""
    return _weighted(logits_TE, logits_TE, context)


def _weighted(logits_TE: Tensor, wanted_TE: Tensor, context: RouteContext) -> Routing:
    expert_TK = best_experts(wanted_TE, context, score=torch.sigmoid)
    weight_TK = logits_TE.gather(1, expert_TK).sigmoid()
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


STRATEGY = Strategy(
    label="Sinkhorn",
    source="BASE, arXiv 2103.16716, section 3; by Sinkhorn: arXiv 2202.01169, appendix B",
    causal=False,
    group="sequence",
    router_gradient="task",
    balanced_by="rule",
    gate="sigmoid",
    route=route,
    decode=decode,
)
