"""The capacity microbenchmark: draws against their law, a row by hand, time by a fake clock."""

from itertools import chain, count

import pytest
import torch
from scipy.stats import chisquare

from moe_core.measure import capacity_bench
from moe_core.measure.capacity_bench import (
    CapacityCell,
    measure_cells,
    top_k_routing,
    uniform_logits,
    zipf_logits,
)

TOKENS, EXPERTS = 20_000, 6


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_zipf_draws_two_distinct_experts_by_their_weights(exponent):
    logits_TE = zipf_logits(TOKENS, EXPERTS, exponent, generator())
    first_T, second_T = logits_TE.topk(2).indices.unbind(1)
    weight_E = torch.arange(1.0, EXPERTS + 1).double() ** -exponent
    share_E = weight_E / weight_E.sum()
    # the second is drawn from what the first leaves: p_j p_i / (1 - p_i), summed over first ones i
    odds_E = share_E / (1 - share_E)
    second_E = share_E * (odds_E.sum() - odds_E)
    for drawn_T, expected_E in ((first_T, share_E), (second_T, second_E)):
        counts = drawn_T.bincount(minlength=EXPERTS)
        assert chisquare(counts, TOKENS * expected_E).pvalue > 1e-3


def test_uniform_draws_prefer_no_expert():
    counts = uniform_logits(TOKENS, EXPERTS, generator()).argmax(1).bincount(minlength=EXPERTS)
    assert chisquare(counts).pvalue > 1e-3


def crowded() -> CapacityCell:
    """Four tokens that all want expert 0 of two, which has slots for half of them."""
    logits_TE = torch.tensor([[1.0, 0.0]] * 4)
    return CapacityCell("crowded", 1.0, 1, top_k_routing(logits_TE, 1))


def test_a_row_counts_drops_and_the_bytes_of_kept_rows():
    (row,) = measure_cells([crowded()], dim=3, repeats=1)
    assert (row["capacity"], row["drop_rate"], row["token_drop_rate"]) == (2, 0.5, 0.5)
    # two kept rows read, written and read again, four rows of results, of three floats
    assert row["bytes_moved"] == (3 * 2 + 4) * 3 * 4
    assert row["load_cv"] == 1


def test_the_first_round_is_not_timed(monkeypatch):
    ticks = chain([0.0], count(100.0))  # a first round of 100 s, then one of 1 s
    monkeypatch.setattr(capacity_bench.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(capacity_bench, "memcpy_bytes_per_s", lambda: 1e9)
    (row,) = measure_cells([crowded()], dim=3, repeats=1)
    assert row["tokens_per_s"] == 4
    assert row["memcpy_share"] == pytest.approx(row["bytes_moved"] / 1e9)
