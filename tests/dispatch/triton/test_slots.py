"""Slots and rows against what torch sorts: exactly the same, across tiles, groups and drops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.dispatch.reference import kept_by_expert
from moe_core.dispatch.triton.move import lay_out
from moe_core.dispatch.triton.slots import BLOCK_A, limit_capacity
from moe_core.routing.capacity import limit_capacity as limit_by_torch
from moe_core.routing.routing import Routing, from_mask, from_token_choice
from tests.dispatch.triton.conftest import DEVICE, examples


@st.composite
def grouped_routings(draw: st.DrawFn) -> tuple[Routing, int]:
    """A routing of several groups, below and above a tile, and the tokens of a group."""
    size, groups = draw(st.sampled_from([(1, 1), (1, 7), (9, 3), (BLOCK_A, 1), (70, 2), (150, 1)]))
    experts, tokens = draw(st.integers(1, 70)), size * groups
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    popular = draw(st.sampled_from([0.0, 0.0, 2.0]))  # 2: one expert takes all
    score_TE = torch.rand(tokens, experts, generator=generator)
    score_TE[:, draw(st.integers(0, experts - 1))] += popular
    if draw(st.booleans()):
        routing = from_mask(
            (score_TE > draw(st.sampled_from([0.0, 0.9, 3.0]))).to(DEVICE), score_TE.to(DEVICE)
        )
    else:
        expert_TK = score_TE.topk(draw(st.integers(1, min(8, experts)))).indices.to(DEVICE)
        routing = from_token_choice(expert_TK, torch.ones(expert_TK.shape, device=DEVICE), experts)
    if draw(st.booleans()):
        kept = draw(st.sampled_from([0.0, 0.6]))
        drawn_A = torch.rand(routing.kept_A.shape, generator=generator) < kept
        routing = routing.with_kept(drawn_A.to(DEVICE))
    return routing, size


@examples(40)
@given(drawn=grouped_routings(), capacity=st.sampled_from([0, 1, 3, 10**6]))
def test_slots_are_those_of_the_sorted_queues(drawn: tuple[Routing, int], capacity: int) -> None:
    routing, size = drawn
    ours = limit_capacity(routing, capacity, size)
    theirs = limit_by_torch(routing, capacity, size, "position")
    assert torch.equal(ours.kept_A, theirs.kept_A)
    assert torch.equal(ours.kept_per_expert_E(), theirs.kept_per_expert_E())
    assert ours.most_kept == theirs.most_kept
    assert "by_expert_A" in vars(ours)  # not sorted again
    assert torch.equal(ours.by_expert_A, theirs.by_expert_A)


@examples(30)
@given(drawn=grouped_routings(), capacity=st.sampled_from([0, 1, 3, 10**6]))
def test_rows_are_those_of_the_kept_sorted_by_expert(
    drawn: tuple[Routing, int], capacity: int
) -> None:
    routing = limit_by_torch(drawn[0], capacity, drawn[1], "position")
    layout = lay_out(routing)
    token_A, _, counts = kept_by_expert(routing)
    assert layout.end_E.tolist() == torch.tensor(counts).cumsum(0).tolist()
    assert (layout.row_A[~routing.kept_A] == -1).all()
    order_A = layout.row_A[routing.kept_A].argsort()
    assert layout.row_A[routing.kept_A][order_A].tolist() == list(range(len(token_A)))
    assert torch.equal(routing.token_A[routing.kept_A][order_A], token_A)
    each_T = routing.token_A.bincount(minlength=routing.num_tokens)
    assert layout.first_T.tolist() == [0, *each_T.cumsum(0).tolist()]


@pytest.mark.parametrize("policy", ["probability", "random", "none"])
def test_other_policies_are_left_to_torch(policy: str) -> None:
    draw = torch.Generator().manual_seed(0)
    expert_TK = torch.rand(40, 5, generator=draw).topk(2).indices.to(DEVICE)
    routing = from_token_choice(expert_TK, torch.rand(40, 2, generator=draw).to(DEVICE), 5)
    limits = (limit_capacity, limit_by_torch)
    ours, theirs = (f(routing, 3, 20, policy, torch.Generator().manual_seed(1)) for f in limits)
    assert torch.equal(ours.kept_A, theirs.kept_A)
