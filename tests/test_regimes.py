"""Operating regimes: members are on the frontier, and units do not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_core.figures.regimes import BALANCED, BEST_QUALITY, HIGH_THROUGHPUT, pareto, regimes

POINTS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=12)


def beaten(place: int, points: list[tuple[int, int]]) -> bool:
    """Whether another point is at least as good in both and better in one."""
    speed, loss = points[place]
    return any(s >= speed and q <= loss and (s, q) != (speed, loss) for s, q in points)


@given(POINTS)
def test_the_frontier_is_what_no_other_point_beats(points):
    kept = pareto(*zip(*points, strict=True))
    assert {points[i] for i in kept} == {
        points[i] for i in range(len(points)) if not beaten(i, points)
    }
    assert len(kept) == len({points[i] for i in kept})
    assert [points[i][0] for i in kept] == sorted((points[i][0] for i in kept), reverse=True)


@given(POINTS, st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-5, 5))
def test_regimes_are_on_the_frontier_whatever_the_units(points, per_second, bits, offset):
    speed, loss = zip(*points, strict=True)
    found = regimes(speed, loss)
    assert set(found.values()) <= set(pareto(speed, loss))
    assert speed[found[HIGH_THROUGHPUT]] == max(speed)
    assert loss[found[BEST_QUALITY]] == min(loss)
    other = regimes([per_second * s for s in speed], [bits * q + offset for q in loss])
    ends = (HIGH_THROUGHPUT, BEST_QUALITY)
    assert [points[other[name]] for name in ends] == [points[found[name]] for name in ends]
    assert (BALANCED in other) == (BALANCED in found)


@pytest.mark.parametrize(
    ("speed", "loss", "expected"),
    [
        ([], [], {}),
        ([3], [2], {HIGH_THROUGHPUT: 0, BEST_QUALITY: 0}),
        ([3, 2], [2, 1], {HIGH_THROUGHPUT: 0, BEST_QUALITY: 1}),
        # on the line, and on the bad side of it
        ([3, 2, 1], [3, 2, 1], {HIGH_THROUGHPUT: 0, BEST_QUALITY: 2}),
        ([4, 2, 1], [4, 3, 1], {HIGH_THROUGHPUT: 0, BEST_QUALITY: 2}),
        # the one furthest on the good side
        ([9, 8, 5, 1], [9, 7, 2, 1], {HIGH_THROUGHPUT: 0, BALANCED: 2, BEST_QUALITY: 3}),
    ],
)
def test_regimes_of_few_points(speed, loss, expected):
    assert regimes(speed, loss) == expected
