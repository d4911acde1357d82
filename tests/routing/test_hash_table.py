"""The fixed table of hash routing."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moe_core.measure.metrics import load_cv
from moe_core.routing import registry
from moe_core.routing.strategies.hash import balanced_table
from tests.routing.conftest import context_of


def table_load(table_VK: Tensor, counts_V: Tensor, experts: int) -> Tensor:
    """Assignments of each expert over a text with these counts."""
    load_E = torch.zeros(experts, dtype=torch.int64)
    for token, chosen in enumerate(table_VK.tolist()):
        load_E[chosen] += counts_V[token]
    return load_E


@given(
    counts=st.lists(st.integers(0, 1000), min_size=1, max_size=40),
    experts=st.integers(1, 8),
    data=st.data(),
)
def test_experts_are_distinct_and_load_differs_by_two_token_types_at_most(
    counts: list[int], experts: int, data: st.DataObject
) -> None:
    k, counts_V = data.draw(st.integers(1, experts)), torch.tensor(counts)
    table_VK = balanced_table(counts_V, experts, k)
    assert table_VK.shape == (len(counts), k)
    assert all(len(set(row)) == k for row in table_VK.tolist())
    assert set(table_VK.flatten().tolist()) <= set(range(experts))
    seen_V = counts_V.clamp(min=1)
    load_E = table_load(table_VK, seen_V, experts)
    assert int(load_E.max() - load_E.min()) <= 2 * int(seen_V.max())
    assert torch.equal(table_VK, balanced_table(counts_V, experts, k))


@given(size=st.integers(1, 60), experts=st.integers(1, 9), data=st.data())
def test_uniform_counts_give_loads_equal_to_within_one(
    size: int, experts: int, data: st.DataObject
) -> None:
    k, counts_V = data.draw(st.integers(1, experts)), torch.ones(size, dtype=torch.int64)
    load_E = table_load(balanced_table(counts_V, experts, k), counts_V, experts)
    assert int(load_E.sum()) == size * k
    assert int(load_E.max() - load_E.min()) <= 1


def test_the_experts_of_an_id_are_not_glued_together() -> None:
    counts_V = (100_000 / torch.arange(1, 101)).long()
    for experts, k in ((8, 2), (8, 4), (64, 2)):
        sets = {tuple(sorted(row)) for row in balanced_table(counts_V, experts, k).tolist()}
        # blocks of experts that always go together would leave experts / k sets
        assert len(sets) > 2 * experts / k


def test_ids_never_seen_spread_over_all_experts() -> None:
    table_VK = balanced_table(torch.zeros(64, dtype=torch.int64), 8, 1)
    assert table_VK.flatten().bincount(minlength=8).tolist() == [8] * 8


def test_frequent_ids_are_balanced_where_a_remainder_is_not() -> None:
    counts_V = (100_000 / torch.arange(1, 501)).long()
    load_E = table_load(balanced_table(counts_V, 4, 1), counts_V, 4)
    remainder_V1 = torch.arange(500).unsqueeze(1) % 4
    assert load_cv(load_E) < 0.2 * load_cv(table_load(remainder_V1, counts_V, 4))


def test_d6_hash_reads_the_token_id_and_not_the_position() -> None:
    counts_V = torch.arange(1, 21)
    table_VK = balanced_table(counts_V, 4, 2)
    token_id_T = torch.randint(20, (64,), generator=torch.Generator().manual_seed(0))

    def experts_of(ids_T: Tensor) -> list[list[int]]:
        context = context_of(64, token_id_T=ids_T, num_experts=4, table_VK=table_VK)
        routing = registry.load("hash").route(torch.empty(0), context)
        return routing.expert_A.view(-1, 2).tolist()

    assert experts_of(token_id_T) == table_VK[token_id_T].tolist()
    assert experts_of(token_id_T.flip(0)) == experts_of(token_id_T)[::-1]
    assert experts_of(torch.full((64,), 3)) == [table_VK[3].tolist()] * 64
