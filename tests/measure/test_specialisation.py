import math
import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import normalized_mutual_info_score

from moe_core.measure.specialisation import (
    corrected_mutual_information,
    most_information,
    mutual_information,
    normalised_mutual_information,
    permutation_null,
    specialisation,
)

tables = arrays.arrays(
    np.int64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(0, 50)
).filter(lambda counts_VE: counts_VE.any())


def by_definition(counts_VE: NDArray[np.int64]) -> float:
    """sum over cells of p(v, e) ln(p(v, e) / p(v) p(e)), one cell at a time."""
    rows = counts_VE.tolist()
    total = sum(map(sum, rows))
    information = 0.0
    for row in rows:
        for e, count in enumerate(row):
            if count:
                column = sum(other[e] for other in rows)
                information += count / total * math.log(count * total / (sum(row) * column))
    return information


def tabulate(label_A: NDArray, expert_A: NDArray, labels: int, experts: int) -> NDArray[np.int64]:
    flat = np.bincount(label_A * experts + expert_A, minlength=labels * experts)
    return flat.reshape(labels, experts)


def independent_tables(draws: int, label_p: list[float], expert_p: list[float], tokens: int):
    cells = np.outer(label_p, expert_p)
    flat = np.random.default_rng(1).multinomial(tokens, cells.ravel(), size=draws)
    return flat.reshape(draws, *cells.shape)


@given(tables)
def test_information_against_its_definition(counts_VE: NDArray[np.int64]) -> None:
    information = mutual_information(counts_VE)
    assert information == pytest.approx(by_definition(counts_VE), abs=1e-12)
    assert information >= -1e-12
    assert information <= math.log(min(counts_VE.shape)) + 1e-12


@given(tables, st.integers(1, 10**6), st.randoms(use_true_random=False))
def test_information_ignores_names_direction_and_scale(
    counts_VE: NDArray[np.int64], times: int, draw: random.Random
) -> None:
    rows, columns = (draw.sample(range(n), n) for n in counts_VE.shape)
    same = [counts_VE[rows][:, columns], counts_VE.T, times * counts_VE]
    empty_too = np.pad(counts_VE, ((0, 2), (1, 0)))
    for other in [*same, empty_too]:
        assert mutual_information(other) == pytest.approx(mutual_information(counts_VE), abs=1e-12)
    for other in [*same[:2], empty_too]:
        assert corrected_mutual_information(other) == pytest.approx(
            corrected_mutual_information(counts_VE), abs=1e-12
        )


def test_closed_forms() -> None:
    product = np.outer([1, 5, 10, 3], [2, 7, 1])
    assert mutual_information(product) == pytest.approx(0, abs=1e-12)
    assert mutual_information(9 * np.eye(8, dtype=int)) == pytest.approx(math.log(8))
    # two classes to each expert: knowing the token tells the expert, not the other way round
    assert mutual_information(np.repeat(np.eye(4, dtype=int), 2, axis=0)) == pytest.approx(
        math.log(4)
    )
    # one row and one column are empty: 2 x 2 remain of 20 counts, bias 1 / 40
    counts_VE = np.array([[6, 0, 4], [0, 0, 0], [4, 0, 6]])
    information = 0.6 * math.log(1.2) + 0.4 * math.log(0.8)
    assert corrected_mutual_information(counts_VE) == pytest.approx(information - 1 / 40)
    # not floored
    assert corrected_mutual_information(np.full((2, 2), 5)) == pytest.approx(-1 / 40)


@given(tables)
def test_normalised_information_against_scikit_learn(counts_VE: NDArray[np.int64]) -> None:
    label_A, expert_A = (
        np.repeat(index, counts_VE.ravel()) for index in np.indices(counts_VE.shape).reshape(2, -1)
    )
    expected = normalized_mutual_info_score(label_A, expert_A, average_method="min")
    if min(len(set(label_A)), len(set(expert_A))) < 2:
        expected = 0.0  # there scikit-learn says 1, if both are alone
    assert normalised_mutual_information(counts_VE) == pytest.approx(expected, abs=1e-9)


def test_normalised_information_closed_forms() -> None:
    # ten classes on two experts: the expert is a function of the class, not the other way round
    assert normalised_mutual_information(
        np.repeat(7 * np.eye(2, dtype=int), 5, 0)
    ) == pytest.approx(1)
    # of independent data it is its null's mean, and nothing is left above that
    (counts_VE,) = independent_tables(1, [0.1] * 10, [0.5, 0.3, 0.2], 5000)
    null = permutation_null(counts_VE, 99, seed=7) / most_information(counts_VE)
    gain = normalised_mutual_information(counts_VE) - null.mean()
    assert normalised_mutual_information(counts_VE) > 0
    assert abs(gain) < 4 * null.std()
    assert abs(gain) < 1e-3


def test_correction_takes_away_the_bias_of_independent_data() -> None:
    simulated = independent_tables(400, [0.4, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.1, 0.1], 2000)
    plug_in = np.array([mutual_information(counts_VE) for counts_VE in simulated])
    corrected = np.array([corrected_mutual_information(counts_VE) for counts_VE in simulated])
    noise = corrected.std(ddof=1) / math.sqrt(len(simulated))
    assert abs(corrected.mean()) < 4 * noise
    assert plug_in.mean() > 30 * noise
    # about half fall below zero, which a floor would turn into a bias of its own
    assert 0.3 < (corrected < 0).mean() < 0.7


def test_null_is_a_permutation_of_labels() -> None:
    """Mean, spread and shape against shuffling the expert of each assignment."""
    counts_VE = np.array([[9, 1, 0], [4, 4, 4], [0, 1, 2], [0, 0, 0], [3, 0, 12]])
    label_A, expert_A = (
        np.repeat(index, counts_VE.ravel()) for index in np.indices(counts_VE.shape).reshape(2, -1)
    )
    rng = np.random.default_rng(2)
    shuffled = [
        by_definition(tabulate(label_A, rng.permutation(expert_A), *counts_VE.shape))
        for _ in range(2000)
    ]
    null = permutation_null(counts_VE, draws=2000, seed=3)
    noise = math.hypot(np.std(shuffled), null.std()) / math.sqrt(2000)
    assert abs(np.mean(shuffled) - null.mean()) < 4 * noise
    assert stats.ks_2samp(shuffled, null).pvalue > 1e-4


def test_null_follows_its_seed() -> None:
    counts_VE = np.array([[5, 3, 1], [2, 8, 4]])
    first = permutation_null(counts_VE, 20, seed=0)
    assert first.shape == (20,)
    assert len(set(first)) > 5
    assert (first == permutation_null(counts_VE, 20, seed=0)).all()
    assert (first != permutation_null(counts_VE, 20, seed=1)).any()


@pytest.mark.parametrize("top_k", [2, 4])
def test_null_is_an_upper_bound_for_distinct_experts(top_k: int) -> None:
    """Classes and whole choices independent: the mean is (E - K) / (E - 1) of the null's."""
    labels, experts, tokens, draws = 10, 8, 1000, 100
    rng = np.random.default_rng(4)
    information = []
    for _ in range(draws):
        chosen_TK = rng.random((tokens, experts)).argsort(1)[:, :top_k]
        label_A = rng.integers(labels, size=tokens).repeat(top_k)
        counts_VE = tabulate(label_A, chosen_TK.ravel(), labels, experts)
        information.append(mutual_information(counts_VE))
    null = permutation_null(counts_VE, draws, seed=5)
    expected = null.mean() * (experts - top_k) / (experts - 1)
    noise = math.hypot(np.std(information), null.std()) / math.sqrt(draws)
    assert abs(np.mean(information) - expected) < 4 * noise
    assert np.mean(information) < null.mean() - 4 * noise


def test_p_values_of_independent_data_are_uniform() -> None:
    simulated = independent_tables(150, [0.5, 0.3, 0.2], [0.4, 0.3, 0.3], 20_000)
    ranks = 40 * np.array(
        [specialisation(table_VE, draws=39, seed=n).p_value for n, table_VE in enumerate(simulated)]
    )
    assert ranks == pytest.approx(np.round(ranks))
    assert ranks.min() >= 1
    assert ranks.max() <= 40
    assert stats.kstest((ranks - 0.5) / 40, "uniform").pvalue > 1e-3


def test_dependent_data_stand_out() -> None:
    counts_VE = np.array([[60, 20, 20], [20, 60, 20], [20, 20, 60]])
    result = specialisation(counts_VE, draws=99, seed=6)
    null = sorted(permutation_null(counts_VE, 99, seed=6))
    assert result.mutual_information_nats == pytest.approx(by_definition(counts_VE))
    assert result.corrected_nats == corrected_mutual_information(counts_VE)
    assert result.null_mean_nats == pytest.approx(sum(null) / 99)
    assert null[93] <= result.null_high_nats <= null[94]
    assert result.p_value == 1 / 100


@pytest.mark.parametrize(
    ("counts", "information"),
    [
        ([[3, 4, 5]], 0),
        ([[300], [200]], 0),
        ([[0, 30, 0], [0, 20, 0], [0, 7, 0]], 0),
        ([[0, 0], [4, 9]], 0),
        (np.eye(3, dtype=int), math.log(3)),
    ],
)
def test_tables_that_can_only_tie(counts: list[list[int]], information: float) -> None:
    """One expert for all, one class alone, no label twice: shuffling changes nothing."""
    result = specialisation(np.array(counts), draws=20)
    assert result.null_mean_nats == pytest.approx(information, abs=1e-12)
    assert result.null_high_nats == pytest.approx(information, abs=1e-12)
    assert result.p_value == 1


def test_rounding_does_not_part_ties() -> None:
    """Many tables with these margins have the information of this one, up to rounding."""
    counts_VE = np.array([[0, 0, 2], [0, 3, 2], [1, 3, 1]])
    observed, null = mutual_information(counts_VE), permutation_null(counts_VE, 60, seed=0)
    rounded_down = (null < observed) & (null > observed - 1e-14)
    assert rounded_down.any()
    reached = rounded_down | (null >= observed)
    assert specialisation(counts_VE, draws=60).p_value == (1 + reached.sum()) / 61


def test_largest_table_in_seconds() -> None:
    """2,048 classes, 64 experts, a million assignments, classes as rare as words are."""
    label_p = 1 / np.arange(1, 2049)
    rng = np.random.default_rng(0)
    labels = rng.choice(2048, size=10**6, p=label_p / label_p.sum())
    counts_VE = tabulate(labels, rng.integers(64, size=10**6), 2048, 64)
    start = time.process_time()
    result = specialisation(counts_VE, draws=20)
    assert time.process_time() - start < 3
    # with cells of one or two counts the null still holds, the first-order correction no longer
    spread = result.null_high_nats - result.null_mean_nats
    assert abs(result.mutual_information_nats - result.null_mean_nats) < 5 * spread
    assert result.corrected_nats > 10 * spread
