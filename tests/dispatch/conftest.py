"""Routings of every shape, experts to send them to, and what a backend is held to."""

from dataclasses import replace

import torch
from hypothesis import strategies as st
from torch import Tensor

from moe_core.dispatch.dispatch import dispatch
from moe_core.dispatch.kinds import Backend, ExpertKind
from moe_core.dispatch.weights import ExpertWeights
from moe_core.random_streams import stream
from moe_core.routing.routing import Routing, from_mask, from_token_choice

D, F = 8, 16  # rows of 16 bytes, which grouped_mm asks for


@st.composite
def routings(draw: st.DrawFn, dtype: torch.dtype = torch.float64) -> Routing:
    """Any sparse matrix with any survivors: idle experts, tokens without an expert, one of each."""
    tokens, experts = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    kept = draw(st.sampled_from([0.0, 0.6, 1.0]))
    if draw(st.booleans()):
        density = draw(st.sampled_from([0.0, 0.3, 1.0]))
        mask_TE = torch.rand(tokens, experts, generator=generator) < density
        weight_TE = torch.randn(tokens, experts, generator=generator, dtype=dtype)
        routing = from_mask(mask_TE, weight_TE)
    else:
        popular_E = draw(st.sampled_from([0.0, 10.0])) * torch.arange(experts)  # 10: one takes all
        score_TE = torch.rand(tokens, experts, generator=generator) + popular_E
        expert_TK = score_TE.topk(draw(st.integers(1, experts))).indices
        weight_TK = torch.randn(expert_TK.shape, generator=generator, dtype=dtype)
        routing = from_token_choice(expert_TK, weight_TK, experts)
    return routing.with_kept(torch.rand(routing.kept_A.shape, generator=generator) < kept)


def weights_of(
    experts: int, activation: ExpertKind, dtype: torch.dtype = torch.float64
) -> ExpertWeights:
    """Unit normal weights."""
    generator = torch.Generator().manual_seed(experts)
    wide = 2 * F if activation == "swiglu" else F
    in_EHD = torch.randn(experts, wide, D, generator=generator, dtype=torch.float64)
    out_EDF = torch.randn(experts, D, F, generator=generator, dtype=torch.float64)
    return ExpertWeights(in_EHD, out_EDF, activation).to(dtype)


def outcome(
    backend: Backend, x_TD: Tensor, routing: Routing, weights: ExpertWeights, dy_TD: Tensor
) -> list[Tensor]:
    """y_TD, then the gradients of x_TD, of the combine weights and of both stacks of matrices."""
    x_TD = x_TD.detach().requires_grad_()
    weight_A = routing.weight_A.detach().requires_grad_()
    in_EHD, out_EDF = (w.detach().requires_grad_() for w in weights[:2])
    routed = replace(routing, weight_A=weight_A)
    y_TD = dispatch(x_TD, routed, ExpertWeights(in_EHD, out_EDF, weights.activation), backend)
    leaves = (x_TD, weight_A, in_EHD, out_EDF)
    if not y_TD.requires_grad:  # nothing was kept
        return [y_TD, *map(torch.zeros_like, leaves)]
    gradients = torch.autograd.grad(y_TD, leaves, dy_TD, allow_unused=True)
    pairs = zip(leaves, gradients, strict=True)
    return [y_TD.detach(), *(torch.zeros_like(x) if g is None else g for x, g in pairs)]


def assert_equal_to_reference(
    backend: Backend, x_TD: Tensor, routing: Routing, weights: ExpertWeights, tolerance: float
) -> None:
    dy_TD = torch.randn(x_TD.shape, generator=stream(0, "upstream")).to(x_TD)
    ours = outcome(backend, x_TD, routing, weights, dy_TD)
    theirs = outcome("reference", x_TD, routing, weights, dy_TD)
    sizes = [their.nan_to_num().abs() for their in theirs]
    sizes[2] = terms_A(x_TD, routing, weights, dy_TD)
    for our, their, size in zip(ours, theirs, sizes, strict=True):
        assert our.dtype == their.dtype
        largest = float(size.max()) if size.numel() else 0.0
        torch.testing.assert_close(
            our, their, rtol=tolerance, atol=tolerance * (largest + 1), equal_nan=True
        )


def terms_A(x_TD: Tensor, routing: Routing, weights: ExpertWeights, dy_TD: Tensor) -> Tensor:
    """Sums of the absolute terms of each combine weight's gradient <dy, f(x)>.

    The rounding of an inner product is relative to them, not to what is left of them (Higham,
    "Accuracy and Stability of Numerical Algorithms", section 3.1).
    """
    each = replace(
        routing,
        token_A=torch.arange(len(routing.token_A), device=x_TD.device),
        weight_A=torch.ones_like(routing.weight_A),
        num_tokens=len(routing.token_A),
        per_token=None,
    )
    y_AD = dispatch(x_TD[routing.token_A], each, weights, "reference")
    return (y_AD * dy_TD[routing.token_A]).nan_to_num().abs().sum(-1)


def tokens(routing: Routing, dtype: torch.dtype) -> Tensor:
    return torch.randn(routing.num_tokens, D, generator=stream(0, "tokens")).to(dtype)
