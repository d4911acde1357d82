from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_core.stats.holm import holm

families = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.02, 0.5, 1.0]), max_size=12)


def test_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_empty_family() -> None:
    assert holm([]).shape == (0,)


def test_a_test_not_made_is_not_counted() -> None:
    assert holm([0.02, np.nan, 0.03]) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)


@given(families)
def test_between_the_p_values_and_bonferroni_in_their_order(family: list[float]) -> None:
    p, adjusted = np.array(family), holm(family)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * p)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@given(families, st.sampled_from([0.01, 0.05, 0.2]))
def test_rejects_what_the_step_down_rule_rejects(family: list[float], alpha: float) -> None:
    rejected: set[int] = set()
    for index in sorted(range(len(family)), key=lambda i: family[i]):
        if family[index] * (len(family) - len(rejected)) > alpha:
            break
        rejected.add(index)
    assert set(np.flatnonzero(holm(family) <= alpha)) == rejected


@given(families, st.randoms(use_true_random=False))
def test_order_does_not_matter(family: list[float], shuffler: Random) -> None:
    order = list(range(len(family)))
    shuffler.shuffle(order)
    shuffled = holm([family[i] for i in order])
    assert shuffled == pytest.approx(holm(family)[order])


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_p_value_is_a_chance(p: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        holm([0.5, p])
