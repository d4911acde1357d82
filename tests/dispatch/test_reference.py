"""Dispatch against its definition: multiplication by the dense routing matrix."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moe_core.dispatch.reference import combine, expert, kept_by_expert, reference
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing
from tests.dispatch.conftest import D, routings, weights_of


def dense_mixture(x_TD: Tensor, weight_TE: Tensor, weights: ExpertWeights) -> Tensor:
    """Every expert on every token, then the sum weighted by the dense matrix."""
    stacked = zip(weights.in_EHD, weights.out_EDF, strict=True)
    y_TED = torch.stack([expert(x_TD, *pair, weights.activation) for pair in stacked], dim=1)
    return (weight_TE.unsqueeze(-1) * y_TED).sum(1)


@given(routing=routings())
def test_dispatch_is_the_dense_product_forward_and_backward(routing: Routing) -> None:
    weights = weights_of(routing.num_experts, "gelu")
    generator = torch.Generator().manual_seed(3)
    x_TD = torch.randn(routing.num_tokens, D, generator=generator, dtype=torch.float64)
    upstream_TD = torch.randn(x_TD.shape, generator=generator, dtype=torch.float64)
    weight_A = routing.weight_A.requires_grad_()
    leaves = (
        x_TD.requires_grad_(),
        weight_A,
        weights.in_EHD.requires_grad_(),
        weights.out_EDF.requires_grad_(),
    )

    dense_TE = x_TD.new_zeros(routing.num_tokens, routing.num_experts)
    for a in routing.kept_A.nonzero().flatten().tolist():
        dense_TE[routing.token_A[a], routing.expert_A[a]] = weight_A[a]
    assert torch.equal(routing.dense_TE(), dense_TE)

    y_TD = reference(x_TD, routing, weights)
    expected_TD = dense_mixture(x_TD, dense_TE, weights)
    torch.testing.assert_close(y_TD, expected_TD)
    assert (y_TD[routing.kept_per_token_T() == 0] == 0).all()
    ours, theirs = (
        torch.autograd.grad((y * upstream_TD).sum(), leaves, allow_unused=True)
        for y in (y_TD, expected_TD + 0 * sum(leaf.sum() for leaf in leaves))
    )
    for leaf, gradient, expected in zip(leaves, ours, theirs, strict=True):
        torch.testing.assert_close(
            torch.zeros_like(leaf) if gradient is None else gradient, expected
        )
    assert ours[1] is None or (ours[1][~routing.kept_A] == 0).all()


@given(routing=routings())
def test_experts_see_their_kept_assignments_once_in_token_order(routing: Routing) -> None:
    token_A, weight_A, counts = kept_by_expert(routing)
    assert len(counts) == routing.num_experts
    assert sum(counts) == len(token_A) == len(weight_A) == int(routing.kept_A.sum())
    dense_TE = routing.dense_TE()
    seen_TE = torch.zeros_like(dense_TE)
    for e, (tokens, weights) in enumerate(
        zip(token_A.split(counts), weight_A.split(counts), strict=True)
    ):
        assert (tokens.diff() > 0).all()
        seen_TE[tokens, e] = weights
    assert torch.equal(seen_TE, dense_TE)


@given(routing=routings(), seed=st.integers(0, 99))
def test_a_part_of_a_routing_forgets_the_rest(routing: Routing, seed: int) -> None:
    """Unlike dropping, which leaves load as it was."""
    mask_A = torch.rand(routing.kept_A.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    part, dropped = routing.where(mask_A), routing.with_kept(routing.kept_A & mask_A)
    assert torch.equal(part.dense_TE(), dropped.dense_TE())
    assert (part.num_tokens, part.num_experts) == (routing.num_tokens, routing.num_experts)
    load = routing.expert_A[mask_A].bincount(minlength=routing.num_experts)
    assert part.load_E().tolist() == load.tolist()
    assert dropped.load_E().tolist() == routing.load_E().tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_combine_keeps_the_precision_of_the_experts(dtype: torch.dtype) -> None:
    y_AD = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=dtype)
    token_A, weight_A = torch.tensor([2, 0, 2]), torch.tensor([0.5, 1.0, 0.25])
    expected_TD = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.75, 2.5]], dtype=dtype)
    y_TD = combine(y_AD, token_A, weight_A, 3)
    assert y_TD.dtype == dtype
    assert torch.equal(y_TD, expected_TD)
