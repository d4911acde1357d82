"""One pass over the router's logits: scores, bias, the K best, and the terms of both losses.

Computed in fp32 whatever the logits are in. A row is one token's, and what stands in it reaches no
other row: a NaN, or an infinity that makes one, ends in the weights of its own token. A NaN is
larger than every number, as in ``torch.topk``; equal scores go to the lowest expert.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from moe_core.dispatch.triton.selection import Gate, Selection
from moe_core.dispatch.triton.tuning import tuned

FEWEST_TOKENS = 16  # of a tile; the buffers of partial sums have a row for each such tile
TILES = [
    ({"BLOCK_T": tokens}, warps)
    for tokens, warps in (
        (FEWEST_TOKENS, 8),
        (FEWEST_TOKENS, 2),
        (FEWEST_TOKENS, 4),
        (32, 4),
        (64, 4),
    )
]
CLASS = ["BLOCK_E", "TOP_K", "GATE", "TERMS"]
LOWEST = tl.constexpr(-(2**63))  # below the key of every number
LOW_BITS = tl.constexpr(2**31 - 1)


@triton.jit
def _ordered(x):
    """int32 that grow with x; zeros of both signs are one, a NaN is the largest."""
    bits = tl.where(x == 0, 0.0, x).to(tl.int32, bitcast=True)
    return tl.where(x != x, LOW_BITS, tl.where(bits < 0, bits ^ LOW_BITS, bits))


@triton.jit
def _largest(x_TE):
    """Of each row, a NaN where there is one: ``tl.max`` may pass over it."""
    key_T = tl.max(_ordered(x_TE), 1)
    return tl.where(key_T < 0, key_T ^ LOW_BITS, key_T).to(tl.float32, bitcast=True)


@triton.jit
def _sigmoid(z):
    small = tl.exp(-tl.abs(z))  # never overflows
    return tl.div_rn(tl.where(z >= 0, 1.0, small), 1 + small)


@triton.jit
def _tile(logits, scope, num_experts, BLOCK_T: tl.constexpr, BLOCK_E: tl.constexpr):
    """The program's group and tile in it; its tokens, which of them exist, and their logits.

    Tiles do not cross groups. Zeros where no token is, -inf where no expert is.
    """
    tiles = tl.cdiv(scope, BLOCK_T)
    group, tile = tl.program_id(0) // tiles, tl.program_id(0) % tiles
    place_T = tile * BLOCK_T + tl.arange(0, BLOCK_T)
    inside_T = place_T < scope
    token_T = group.to(tl.int64) * scope + place_T
    expert_E = tl.arange(0, BLOCK_E)
    real_TE = inside_T[:, None] & (expert_E < num_experts)[None, :]
    at_TE = token_T[:, None] * num_experts + expert_E[None, :]
    z_TE = tl.load(logits + at_TE, mask=real_TE, other=0.0).to(tl.float32)
    z_TE = tl.where((expert_E < num_experts)[None, :], z_TE, float("-inf"))
    return group, tile, token_T, inside_T, at_TE, real_TE, z_TE


@tuned(TILES, key=CLASS, tile=("BLOCK_T", "BLOCK_E"), zeroed=("prob_sums", "loads"))
@triton.jit
def _forward(
    logits,
    bias,
    expert,
    weight,
    prob_sums,
    loads,
    logsumexp,
    scope,
    tiles_of_group,
    num_experts,
    TOP_K: tl.constexpr,
    GATE: tl.constexpr,
    BIASED: tl.constexpr,
    TERMS: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_T: tl.constexpr,
):
    group, tile, token_T, inside_T, _, real_TE, z_TE = _tile(
        logits, scope, num_experts, BLOCK_T, BLOCK_E
    )
    expert_E = tl.arange(0, BLOCK_E)
    top_T = _largest(z_TE)
    power_TE = tl.exp(z_TE - top_T[:, None])
    sum_T = tl.sum(power_TE, 1)
    prob_TE = tl.div_rn(power_TE, sum_T[:, None])

    wanted_TE = z_TE
    if BIASED:
        score_TE = _sigmoid(z_TE) if GATE == "sigmoid" else prob_TE
        bias_E = tl.load(bias + expert_E, mask=expert_E < num_experts, other=0.0)
        wanted_TE = score_TE + bias_E[None, :]
    # one number that falls with the expert where wanted_TE is equal
    key_TE = (_ordered(wanted_TE).to(tl.int64) << 32) | (expert_E ^ LOW_BITS)[None, :]
    key_TE = tl.where((expert_E < num_experts)[None, :], key_TE, LOWEST)

    slot_K = tl.arange(0, BLOCK_K)
    expert_TK = tl.zeros([BLOCK_T, BLOCK_K], tl.int64)
    z_TK = tl.full([BLOCK_T, BLOCK_K], float("-inf"), tl.float32)
    load_E = tl.zeros([BLOCK_E], tl.int32)
    for k in tl.static_range(TOP_K):
        best_T = (tl.max(key_TE, 1) & LOW_BITS) ^ LOW_BITS
        chosen_TE = expert_E[None, :] == best_T[:, None]
        key_TE = tl.where(chosen_TE, LOWEST, key_TE)
        best_z_T = tl.sum(tl.where(chosen_TE, z_TE, 0.0), 1)
        expert_TK = tl.where((slot_K == k)[None, :], best_T[:, None], expert_TK)
        z_TK = tl.where((slot_K == k)[None, :], best_z_T[:, None], z_TK)
        if TERMS:
            load_E += tl.sum((chosen_TE & real_TE).to(tl.int32), 0)

    if GATE == "chosen":
        power_TK = tl.exp(z_TK - _largest(z_TK)[:, None])
        weight_TK = tl.div_rn(power_TK, tl.sum(power_TK, 1)[:, None])
    elif GATE == "all":
        weight_TK = tl.div_rn(tl.exp(z_TK - top_T[:, None]), sum_T[:, None])
    else:
        weight_TK = _sigmoid(z_TK)
    at_TK = token_T[:, None] * TOP_K + slot_K[None, :]
    real_TK = inside_T[:, None] & (slot_K < TOP_K)[None, :]
    tl.store(expert + at_TK, expert_TK, mask=real_TK)
    tl.store(weight + at_TK, weight_TK, mask=real_TK)

    if TERMS:
        at_E = (group.to(tl.int64) * tiles_of_group + tile) * num_experts + expert_E
        prob_E = tl.sum(tl.where(real_TE, prob_TE, 0.0), 0)
        tl.store(prob_sums + at_E, prob_E, mask=expert_E < num_experts)
        tl.store(loads + at_E, load_E, mask=expert_E < num_experts)
        # an infinity has no rest to add, which would be a NaN
        finite_T = tl.abs(top_T) != float("inf")
        logsumexp_T = top_T + tl.where(finite_T, tl.log(sum_T), 0.0)
        tl.store(logsumexp + token_T, logsumexp_T, mask=inside_T)


@tuned(TILES, key=CLASS, tile=("BLOCK_T", "BLOCK_E"))
@triton.jit
def _backward(
    logits,
    expert,
    weight,
    d_weight,
    d_prob,
    d_logsumexp,
    d_logits,
    scope,
    num_experts,
    TOP_K: tl.constexpr,
    GATE: tl.constexpr,
    TERMS: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_T: tl.constexpr,
):
    group, _, token_T, inside_T, at_TE, real_TE, z_TE = _tile(
        logits, scope, num_experts, BLOCK_T, BLOCK_E
    )
    expert_E = tl.arange(0, BLOCK_E)
    slot_K = tl.arange(0, BLOCK_K)
    at_TK = token_T[:, None] * TOP_K + slot_K[None, :]
    real_TK = inside_T[:, None] & (slot_K < TOP_K)[None, :]
    weight_TK = tl.load(weight + at_TK, mask=real_TK, other=0.0)
    shared_T = tl.sum(weight_TK * tl.load(d_weight + at_TK, mask=real_TK, other=0.0), 1)

    d_z_TE = tl.zeros([BLOCK_T, BLOCK_E], tl.float32)  # what reaches the chosen alone
    d_prob_TE = tl.zeros([BLOCK_T, BLOCK_E], tl.float32)  # what reaches all through the softmax
    for k in tl.static_range(TOP_K):
        best_T = tl.load(expert + token_T * TOP_K + k, mask=inside_T, other=0)
        weight_T = tl.load(weight + token_T * TOP_K + k, mask=inside_T, other=0.0)
        d_weight_T = tl.load(d_weight + token_T * TOP_K + k, mask=inside_T, other=0.0)
        chosen_TE = expert_E[None, :] == best_T[:, None]
        if GATE == "all":
            d_prob_TE = tl.where(chosen_TE, d_weight_T[:, None], d_prob_TE)
        elif GATE == "chosen":
            d_z_T = weight_T * (d_weight_T - shared_T)
            d_z_TE = tl.where(chosen_TE, d_z_T[:, None], d_z_TE)
        else:
            d_z_T = d_weight_T * weight_T * (1 - weight_T)
            d_z_TE = tl.where(chosen_TE, d_z_T[:, None], d_z_TE)

    if TERMS or GATE == "all":
        top_T = _largest(z_TE)
        power_TE = tl.exp(z_TE - top_T[:, None])
        prob_TE = tl.div_rn(power_TE, tl.sum(power_TE, 1)[:, None])
        if TERMS:
            d_group_E = tl.load(
                d_prob + group.to(tl.int64) * num_experts + expert_E,
                mask=expert_E < num_experts,
                other=0.0,
            )
            d_prob_TE += d_group_E[None, :]
            # logsumexp's gradient is the softmax
            d_z_TE += tl.load(d_logsumexp + token_T, mask=inside_T, other=0.0)[:, None] * prob_TE
        shared_T = tl.sum(prob_TE * d_prob_TE, 1)
        d_z_TE += prob_TE * (d_prob_TE - shared_T[:, None])
    tl.store(d_logits + at_TE, d_z_TE, mask=real_TE)


class _Select(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits_TE: Tensor, bias_E: Tensor | None, gate: Gate, top_k: int, scope: int
    ) -> tuple[Tensor, ...]:
        """scope 0: no terms of losses."""
        logits_TE = logits_TE.contiguous()
        tokens, num_experts = logits_TE.shape
        of, groups = (scope, tokens // scope) if scope else (tokens, 1)
        tiles = triton.cdiv(of, FEWEST_TOKENS) if scope else 0
        expert_TK = logits_TE.new_empty((tokens, top_k), dtype=torch.int64)
        weight_TK = logits_TE.new_empty((tokens, top_k), dtype=torch.float32)
        prob_GNE = logits_TE.new_zeros((groups, tiles, num_experts), dtype=torch.float32)
        load_GNE = torch.zeros_like(prob_GNE, dtype=torch.int32)
        logsumexp_T = logits_TE.new_empty(tokens if scope else 0, dtype=torch.float32)
        sizes = {
            "TOP_K": top_k,
            "GATE": gate,
            "TERMS": bool(scope),
            "BLOCK_K": triton.next_power_of_2(top_k),
            "BLOCK_E": triton.next_power_of_2(num_experts),
        }

        def grid(tuned: dict[str, int]) -> tuple[int]:
            return (groups * triton.cdiv(of, tuned["BLOCK_T"]),)

        if tokens:
            _forward[grid](
                logits_TE,
                logits_TE if bias_E is None else bias_E,
                expert_TK,
                weight_TK,
                prob_GNE,
                load_GNE,
                logsumexp_T,
                of,
                tiles,
                num_experts,
                BIASED=bias_E is not None,
                **sizes,
            )
        load_GE = load_GNE.sum(1)
        ctx.save_for_backward(logits_TE, expert_TK, weight_TK)
        ctx.mark_non_differentiable(expert_TK, load_GE)
        ctx.of, ctx.grid, ctx.sizes = of, grid, sizes
        return expert_TK, weight_TK, prob_GNE.sum(1) / of, load_GE, logsumexp_T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        logits_TE, expert_TK, weight_TK = ctx.saved_tensors
        _, d_weight_TK, d_prob_GE, _, d_logsumexp_T = gradients
        d_logits_TE = torch.empty_like(logits_TE)
        if len(logits_TE):
            _backward[ctx.grid](
                logits_TE,
                expert_TK,
                weight_TK,
                d_weight_TK.contiguous(),
                (d_prob_GE / ctx.of).contiguous(),
                d_logsumexp_T.contiguous(),
                d_logits_TE,
                ctx.of,
                logits_TE.shape[1],
                **ctx.sizes,
            )
        return d_logits_TE, None, None, None, None


def select(
    logits_TE: Tensor, gate: Gate, top_k: int, bias_E: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """expert_TK, int64, best first, and weight_TK, fp32, with a gradient to the logits.

    The choice is by logit; with a bias by softmax + bias, or for gate ``sigmoid`` sigmoid + bias.
    """
    expert_TK, weight_TK, *_ = _Select.apply(logits_TE, bias_E, gate, top_k, 0)
    return expert_TK, weight_TK


def select_with_terms(
    logits_TE: Tensor, gate: Gate, top_k: int, scope: int, bias_E: Tensor | None = None
) -> Selection:
    """The same, and what the Switch loss over ``scope`` tokens and the z-loss are made of."""
    return Selection(*_Select.apply(logits_TE, bias_E, gate, top_k, scope))
