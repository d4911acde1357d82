"""Controls: the five strategies of the original study with their defects, and its measures.

Facts are those of github.com/yuninxia/moe-routing-bench at bb9bb0b. All five fill slots over the
flattened batch in batch order (D18: group ``batch``), none is balanced (D1), and all start from
experts that are far too weak (D17).
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.strategies import softk
from moe_core.routing.strategy import RouteContext, RoutedLayer, Rule, Strategy

BALANCE_WEIGHT = 0.01
MOST_TOKENS = 64  # of an expert that chooses


def hard(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The k largest logits. D3: with weight 1 each, not 1/k. D2: no gate, so no gradient."""
    expert_TK = logits_TE.topk(context.top_k).indices
    weight_TK = logits_TE.new_ones(expert_TK.shape)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


def position_mod_experts(_: Tensor, context: RouteContext) -> Routing:
    """D6: experts (a s + b + c j) mod E, j < K, at position s of any sequence, with weights 1/K.

    The original counts s from the start of the batch: the same experts where E divides S.
    """
    step_K = 97 * torch.arange(context.top_k, device=context.position_T.device)
    start_T = 1315423911 * context.position_T + 2654435761
    expert_TK = (start_T.unsqueeze(-1) + step_K) % context.num_experts
    weight_TK = torch.full(expert_TK.shape, 1 / context.top_k, device=expert_TK.device)
    return from_token_choice(expert_TK, weight_TK, context.num_experts)


def expert_choice(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Experts take their largest logits; a token keeps its k best takers, softmax over them.

    D5: of the whole batch, later tokens and other sequences included. D4: never more than 64
    tokens, and soft top-k for a token without a taker. D22: a token with fewer than k takers is
    filled up with experts of weight 0, which hold a slot.
    """
    tokens = min(context.capacity, MOST_TOKENS)
    taken_CE = logits_TE.topk(tokens, dim=0).indices
    mask_TE = torch.zeros_like(logits_TE, dtype=torch.bool).scatter(0, taken_CE, True)
    out_of_reach_TE = ~mask_TE & mask_TE.any(1, keepdim=True)
    masked_TE = logits_TE.masked_fill(out_of_reach_TE, -math.inf)
    # stable, so that the phantoms are the first experts, mostly expert 0
    sorted_TE, expert_TE = masked_TE.sort(descending=True, stable=True)
    value_TK, expert_TK = sorted_TE[:, : context.top_k], expert_TE[:, : context.top_k]
    return from_token_choice(expert_TK, value_TK.softmax(-1), context.num_experts)


def renormalised(rule: Rule) -> Rule:
    """The rule with the batch's slots filled, and what a token keeps scaled to a sum of 1.

    So in the original's main and subword tables; in the others dropped weight is lost (D10). The
    slots belong to the rule, so they hold under every drop policy, and where others are dropless.
    """

    def route(logits_TE: Tensor, context: RouteContext) -> Routing:
        chosen = rule(logits_TE, context)
        routing = limit_capacity(chosen, context.capacity, context.group_size, "position")
        sum_T = routing.dense_TE().sum(1)
        # nothing is left of some tokens, and of others a phantom
        scale_T = sum_T.where(sum_T > 0, 1)
        return replace(routing, weight_A=routing.weight_A / scale_T[routing.token_A])

    return route


def balance_loss(layers: list[RoutedLayer]) -> Tensor:
    """``0.01 * sum over layers and experts of (share - 1/E)^2``, shares of kept assignments.

    D1: shares are counts, so nothing has a gradient and no router was ever balanced.
    """
    terms = []
    for layer in layers:
        load_E = kept_load_E(layer.routing)
        share_E = load_E / load_E.sum().clamp(min=1)
        terms.append((share_E - 1 / len(share_E)).square().sum())
    return BALANCE_WEIGHT * torch.stack(terms).sum()


def xavier_of_stack(num_experts: int, fan_out: int, fan_in: int) -> float:
    """D17: deviation of torch's Xavier rule on a stack of matrices, stored E x fan-in x fan-out.

    It takes E for the fan-out and multiplies both fans by the last axis.
    """
    return math.sqrt(2 / (fan_out * (fan_in + num_experts)))


def kept_load_E(routing: Routing) -> Tensor:
    """D8: load counted after dropping, where capacity has cut off its peaks."""
    return routing.where(routing.kept_A).load_E()


def load_cv(routing: Routing) -> float:
    """D8: coefficient of variation of the load that capacity left over."""
    load_E = kept_load_E(routing).double()
    return float(load_E.std(correction=0) / load_E.mean())


def gate_entropy(routing: Routing) -> float:
    """D9: mean over tokens of ``-sum w ln w`` in nats, before slots are filled: 0 if w are 1."""
    return float(torch.special.entr(routing.weight_A.detach().double()).sum()) / routing.num_tokens


def tokens_per_s(
    batch_tokens: int, evaluate_every: int, training_s: float, evaluation_s: float
) -> float:
    """D7: the steps between two evaluations count twice, and the evaluation is timed with them."""
    step_s = (training_s + evaluation_s) / evaluate_every
    return batch_tokens * evaluate_every / step_s


STRATEGY_TOP1 = Strategy(
    label="top-1, as published",
    source="the original study: argmax, weight 1, a router that never learns",
    causal=True,
    group="batch",
    router_gradient="none",
    max_top_k=1,
    balanced_by="own",
    control=True,
    fails=("balance_gradient",),
    route=hard,
    loss=balance_loss,
    expert_std=xavier_of_stack,
)

STRATEGY_TOPK_HARD = Strategy(
    label="top-k hard, as published",
    source="the original study: k experts added up, a router that never learns",
    causal=True,
    group="batch",
    router_gradient="none",
    balanced_by="own",
    control=True,
    fails=("balance_gradient",),
    route=hard,
    loss=balance_loss,
    expert_std=xavier_of_stack,
)

STRATEGY_SOFTK = Strategy(
    label="soft top-k, as published",
    source="the original study: soft top-k, never balanced",
    causal=True,
    group="batch",
    router_gradient="task",
    min_top_k=2,
    balanced_by="own",
    control=True,
    # slots are filled under drop policy "none" too
    fails=("balance_gradient", "conservation"),
    route=renormalised(softk.route),
    decode=softk.route,
    loss=balance_loss,
    expert_std=xavier_of_stack,
)

STRATEGY_HASH = Strategy(
    label="hash, as published",
    source="the original study: position modulo E",
    causal=True,
    group="batch",
    router_gradient="none",
    balanced_by="own",
    reads_logits=False,
    control=True,
    fails=("balance_gradient",),
    route=position_mod_experts,
    loss=balance_loss,
    expert_std=xavier_of_stack,
)

STRATEGY_EXPERT_CHOICE = Strategy(
    label="expert choice, as published",
    source="the original study: 64 tokens an expert, the others by soft top-k",
    causal=False,
    group="batch",
    router_gradient="task",
    min_top_k=2,
    balanced_by="own",
    control=True,
    fails=("balance_gradient", "conservation"),
    route=renormalised(expert_choice),
    # what a decoder can use of it: of batches of 8,192 tokens, 95 % of the published routing
    decode=softk.route,
    loss=balance_loss,
    expert_std=xavier_of_stack,
)
