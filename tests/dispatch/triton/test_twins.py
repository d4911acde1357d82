"""The torch twins equal the kernels, and the bytes are those of what goes in and comes out."""

import pytest
import torch
from torch import Tensor

from moe_core.dispatch.triton import move, select, slots, traffic, twins
from moe_core.dispatch.triton.selection import Gate
from moe_core.routing.routing import Routing, from_token_choice
from tests.dispatch.triton.conftest import DEVICE

T, D, E, K, G = 40, 16, 7, 2, 2


@pytest.fixture
def logits_TE() -> Tensor:
    return torch.randn(T, E, generator=torch.Generator().manual_seed(0)).to(DEVICE)


@pytest.fixture
def routing(logits_TE: Tensor) -> Routing:
    """With drops."""
    chosen = logits_TE.topk(K)
    routing = from_token_choice(chosen.indices, chosen.values.softmax(-1), E)
    limited = slots.limit_capacity(routing, 4, T // G)
    assert 0 < int(limited.kept_A.sum()) < T * K
    return limited


def nbytes(*tensors: Tensor) -> int:
    return sum(tensor.nbytes for tensor in tensors)


@pytest.mark.parametrize("gate", ["chosen", "all", "sigmoid"])
@pytest.mark.parametrize("biased", [False, True])
def test_selections_are_equal(logits_TE: Tensor, gate: Gate, biased: bool) -> None:
    bias_E = torch.linspace(-0.3, 0.3, E, device=DEVICE) if biased else None
    ours = select.select_with_terms(logits_TE, gate, K, T // G, bias_E)
    twin = twins.select_with_terms(logits_TE, gate, K, T // G, bias_E)
    for our, their in zip(ours, twin, strict=True):
        torch.testing.assert_close(our, their)
    moved = nbytes(logits_TE, *ours)
    assert moved == traffic.select(T, E, K, logits_TE.element_size()) + traffic.terms(T, E, G)
    gradients = nbytes(logits_TE, logits_TE, *ours[:2], ours.weight_TK)
    assert gradients == traffic.select_backward(T, E, K, logits_TE.element_size())


def test_rows_are_equal(routing: Routing) -> None:
    x_TD = torch.randn(T, D, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    layout = move.lay_out(routing)
    kept = int(layout.end_E[-1])
    x_AD = move.pack(x_TD, layout)
    theirs_AD, row_A = twins.lay_out_and_pack(x_TD, routing)
    assert torch.equal(x_AD[:kept], theirs_AD[:kept])
    assert torch.equal(layout.row_A[routing.kept_A], row_A[routing.kept_A])
    y_TD = move.combine(x_AD, routing.weight_A, layout)
    torch.testing.assert_close(y_TD, twins.combine(theirs_AD, row_A, routing))

    sizes = (T, T * K, kept, D, 4)
    placed = nbytes(routing.expert_A, routing.kept_A, layout.row_A)
    assert traffic.lay_out_and_pack(*sizes) == nbytes(x_TD, x_AD[:kept]) + placed
    tables = nbytes(routing.weight_A, layout.row_A)
    assert traffic.combine(*sizes) == nbytes(x_AD[:kept], y_TD) + tables
    assert traffic.pack_backward(*sizes) == nbytes(x_AD[:kept], x_TD, layout.row_A)
    combined_backward = nbytes(y_TD, x_AD[:kept], x_AD[:kept], routing.weight_A) + tables
    assert traffic.combine_backward(*sizes) == combined_backward
    limited = nbytes(routing.expert_A, routing.kept_A, routing.kept_A, routing.by_expert_A)
    assert traffic.limit_capacity(T * K) == limited
