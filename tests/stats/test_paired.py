import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from moe_core.stats.paired import difference_interval, paired_differences

A = {0: 1.30, 1: 1.35, 2: 1.28, 7: 9.0}
B = {2: 1.31, 1: 1.30, 0: 1.22, 5: -4.0}


def test_common_seeds_are_paired_by_name() -> None:
    assert paired_differences(A, B) == pytest.approx([0.08, 0.05, -0.03])


def test_student_t_of_the_paired_differences() -> None:
    found = difference_interval(A, B)
    oracle = stats.ttest_rel([1.30, 1.35, 1.28], [1.22, 1.30, 1.31])
    assert (found.interval.mean, found.interval.n) == (pytest.approx(0.1 / 3), 3)
    for interval, level in [(found.interval, 0.95), (found.interval90, 0.90)]:
        ends = oracle.confidence_interval(level)
        assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high))
    assert found.p_value == pytest.approx(oracle.pvalue)


def test_one_common_seed_has_a_mean_and_no_interval() -> None:
    found = difference_interval({3: 2.0, 4: 1.0}, {3: 1.5})
    assert (found.interval.mean, found.interval.n) == (0.5, 1)
    assert all(map(math.isnan, (found.interval.low, found.interval.high, found.p_value)))


def test_equal_arms_differ_by_zero() -> None:
    found = difference_interval(A, A)
    assert (found.interval.low, found.interval.high, found.p_value) == (0, 0, 1)


@pytest.mark.parametrize("judge", [paired_differences, difference_interval])
def test_no_common_seed(judge: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"no common seed in \[0\] and \[1, 2\]"):
        judge({0: 1.0}, {2: 1.0, 1: 2.0})


def test_unpaired_spread_does_not_count() -> None:
    gaps, shared = np.array([0.010, 0.012, 0.009]), [1.0, 5.0, 9.0]
    found = difference_interval(dict(enumerate(shared + gaps)), dict(enumerate(shared)))
    assert found.interval.low > 0
