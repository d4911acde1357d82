"""Packing and combining against the dense matrix in float64, forward and backward."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.dispatch.triton.move import combine, lay_out, pack
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing, from_mask, from_token_choice
from tests.dispatch.triton.conftest import DEVICE, examples

pytestmark = pytest.mark.usefixtures("unwritten_memory_is_nan")


@st.composite
def sparse(draw: st.DrawFn) -> Routing:
    """Any survivors of any routing, for more tokens than a tile holds."""
    tokens, experts = draw(st.sampled_from([1, 8, 9, 19])), draw(st.integers(1, 7))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    score_TE = torch.randn(tokens, experts, generator=generator).to(DEVICE)
    if draw(st.booleans()):
        routing = from_mask(score_TE > draw(st.sampled_from([-9.0, 0.5, 9.0])), score_TE)
    else:
        chosen = score_TE.topk(draw(st.integers(1, experts)))
        routing = from_token_choice(chosen.indices, chosen.values, experts)
    return limit_capacity(routing, draw(st.sampled_from([0, 1, 2, 99])), tokens, "position")


# rounding of one sum of at most seven terms of unit size
PRECISIONS = {torch.float32: 2e-6, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@examples(40)
@given(routing=sparse(), dim=st.sampled_from([1, 8, 64, 65, 130]), data=st.data())
def test_rows_go_out_and_come_back(routing: Routing, dim: int, data: st.DataObject) -> None:
    """``combine(pack(x) * s)``, s a factor of each row, and the gradients of x, s and weights."""
    dtype = data.draw(st.sampled_from([*PRECISIONS]))
    draw = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    rows = len(routing.expert_A)
    x_TD = torch.randn(routing.num_tokens, dim, generator=draw).to(DEVICE, dtype).requires_grad_()
    scale_PD = torch.randn(rows, dim, generator=draw).to(DEVICE, dtype).requires_grad_()
    dy_TD = torch.randn(x_TD.shape, generator=draw).to(DEVICE, dtype)
    weight_A = routing.weight_A.detach().requires_grad_()

    layout = lay_out(routing)
    x_PD = pack(x_TD, layout)
    y_TD = combine(x_PD * scale_PD, weight_A, layout)
    assert x_PD.dtype == y_TD.dtype == dtype
    kept_A = routing.kept_A
    assert torch.equal(x_PD[layout.row_A[kept_A]], x_TD[routing.token_A[kept_A]])
    ours = torch.autograd.grad(y_TD, [x_TD, scale_PD, weight_A], dy_TD)

    leaves = [leaf.detach().double().requires_grad_() for leaf in (x_TD, scale_PD, weight_A)]
    x64_TD, scale64_PD, weight64_A = leaves
    kept_token_A = routing.token_A[kept_A]
    y_AD = x64_TD[kept_token_A] * scale64_PD[layout.row_A[kept_A]]
    expected_TD = torch.zeros_like(x64_TD).index_add(
        0, kept_token_A, y_AD * weight64_A[kept_A].unsqueeze(1)
    )
    theirs = torch.autograd.grad(expected_TD, leaves, dy_TD.double())
    unused = slice(int(layout.end_E[-1]), None)
    assert weight_A.grad is None
    for our, their in zip([y_TD, *ours], [expected_TD, *theirs], strict=True):
        if their is theirs[1]:
            our, their = our[: unused.start], their[: unused.start]  # behind them nothing is read
        size = float(their.detach().abs().max()) if their.numel() else 0.0
        bound = PRECISIONS[dtype] * (1 + size)
        torch.testing.assert_close(our.double(), their, rtol=0, atol=bound)


def test_a_row_of_nan_stays_with_its_token() -> None:
    """What a dropped assignment's row would hold is not read, whatever its weight."""
    expert_TK = torch.tensor([[0, 1], [0, 1], [1, 0]], device=DEVICE)
    weight_TK = torch.tensor([[1.0, 2.0], [3.0, float("nan")], [5.0, 6.0]], device=DEVICE)
    routing = from_token_choice(expert_TK, weight_TK, 2)
    routing = routing.with_kept(torch.tensor([True, True, True, False, True, True], device=DEVICE))
    x_TD = torch.ones(3, 4, device=DEVICE)
    x_TD[2] = float("nan")
    layout = lay_out(routing)
    y_TD = combine(pack(x_TD, layout), routing.weight_A, layout)
    assert y_TD[:2].tolist() == [[3.0] * 4, [3.0] * 4]
    assert y_TD[2].isnan().all()


def test_two_runs_are_equal_to_the_bit() -> None:
    draw = torch.Generator().manual_seed(0)
    mask_TE = torch.rand(50, 6, generator=draw) < 0.5
    routing = from_mask(mask_TE, torch.randn(50, 6, generator=draw))
    routing = replace(
        routing,
        **{
            k: getattr(routing, k).to(DEVICE) for k in ("token_A", "expert_A", "weight_A", "kept_A")
        },
    )
    x_TD = torch.randn(50, 32, generator=draw).to(DEVICE)
    layout = lay_out(routing)
    first, second = (combine(pack(x_TD, layout), routing.weight_A, layout) for _ in range(2))
    assert torch.equal(first, second)
