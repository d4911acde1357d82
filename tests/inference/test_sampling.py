"""Draws follow the probabilities that temperature and top-p leave."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.errors import StudyError
from moe_core.inference.sampling import Sampling

GRID = 4096
DRAWS = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID


def shares(sampling: Sampling, logits: list[float]) -> list[float]:
    """How often each token is chosen by draws that lie evenly in (0, 1)."""
    rows = torch.tensor(logits).expand(GRID, -1)
    return (torch.bincount(sampling.choose(rows, DRAWS), minlength=len(logits)) / GRID).tolist()


@given(
    logits=st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=9),
    temperature=st.floats(0.2, 3),
)
def test_draws_are_from_the_softmax_at_the_temperature(
    logits: list[float], temperature: float
) -> None:
    raised = [math.exp(z / temperature) for z in torch.tensor(logits).double().tolist()]
    for share, mass in zip(shares(Sampling(temperature, 1.0, 0), logits), raised, strict=True):
        assert share == pytest.approx(mass / sum(raised), abs=2 / GRID)


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (1.0, [0.25, 0.25, 0.25, 0.25]),
        (0.76, [0.25, 0.25, 0.25, 0.25]),
        (0.75, [1 / 3, 1 / 3, 1 / 3, 0]),  # reached exactly: the next one is out
        (0.5, [0.5, 0.5, 0, 0]),
        (0.25, [1, 0, 0, 0]),
        (1e-9, [1, 0, 0, 0]),
    ],
)
def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p(
    top_p: float, expected: list[float]
) -> None:
    found = shares(Sampling(1.0, top_p, 0), [0.0, 0.0, 0.0, 0.0])
    assert found == pytest.approx(expected, abs=2 / GRID)


def test_the_likeliest_tokens_are_in_the_nucleus_wherever_they_stand() -> None:
    logits = [math.log(p) for p in (0.1, 0.6, 0.05, 0.25)]
    assert shares(Sampling(1.0, 0.8, 0), logits) == pytest.approx(
        [0, 0.6 / 0.85, 0, 0.25 / 0.85], abs=2 / GRID
    )


@given(temperature=st.sampled_from([0.0, 1e-300, 1e-9]), draw=st.floats(0, 1, exclude_max=True))
def test_cold_is_greedy(temperature: float, draw: float) -> None:
    logits = torch.tensor([[0.3, 2.5, -70.0, 2.4999]])
    choice = Sampling(temperature, 1.0, 0).choose(logits, torch.tensor([draw], dtype=torch.float64))
    assert choice.tolist() == [1]


def test_a_row_has_draws_of_its_own() -> None:
    few, many = Sampling(1, 1, 5).draws(2, 10), Sampling(1, 1, 5).draws(3, 40)
    assert torch.equal(few, many[:2, :10])
    assert len(set(many.flatten().tolist())) == 120
    assert not torch.equal(few, Sampling(1, 1, 6).draws(2, 10))


@pytest.mark.parametrize(
    ("temperature", "top_p", "told"),
    [
        (-0.1, 1, r"^--temperature: -0.1"),
        (math.nan, 1, r"^--temperature: nan"),
        (math.inf, 1, r"^--temperature: inf"),
        (1, 0, r"^--top-p: 0 "),
        (1, 1.01, r"^--top-p: 1.01"),
        (1, math.nan, r"^--top-p: nan"),
    ],
)
def test_values_out_of_range_are_told(temperature: float, top_p: float, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        Sampling(temperature, top_p, 0)
