"""Agreement of runs, and what a row of the analysis says of one."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest

from moe_core.stats.intervals import mean_interval
from workflow_scripts.analysis_summary import agreement, information, space_share
from workflow_scripts.stability import agreements

PARTITION_T = np.random.default_rng(0).integers(0, 4, 3000)
OTHER_T = np.random.default_rng(1).integers(0, 4, 3000)


def run(name: str, cell: str, seed: int) -> pd.Series:
    return pd.Series({"run": name, "cell": cell, "strategy": cell, "label": cell, "seed": seed})


RUNS = [run("a0", "a", 0), run("a1", "a", 1), run("b0", "b", 0), run("b1", "b", 1)]
CHOSEN = {
    "a0": [PARTITION_T],
    "a1": [(PARTITION_T + 1) % 4],  # the same parts under other names
    "b0": [OTHER_T],
    "b1": [PARTITION_T],
}


def test_the_names_of_experts_do_not_count_and_one_seed_is_not_compared():
    table = agreements(RUNS, CHOSEN).set_index(["run_a", "run_b"]).adjusted_mutual_information
    assert table["a0", "a1"] == pytest.approx(1)
    assert table["a0", "b1"] == pytest.approx(1)
    assert table["a1", "b0"] == pytest.approx(0, abs=0.01)
    assert set(table.index) == {("a0", "a1"), ("a0", "b1"), ("a1", "b0"), ("b0", "b1")}
    assert agreements(RUNS[:1], CHOSEN).empty


def pairs(scores: dict[tuple[str, int, str, int], float]) -> pd.DataFrame:
    """Rows of trained routers, and of untrained ones that agree by 0.1."""
    rows = [
        {"cell_a": a, "seed_a": i, "cell_b": b, "seed_b": j, "adjusted_mutual_information": score}
        for (a, i, b, j), score in scores.items()
    ]
    table = pd.DataFrame(rows)
    for side in "ab":
        table[f"run_{side}"] = table[f"cell_{side}"] + table[f"seed_{side}"].astype(str)
    untrained = table.assign(adjusted_mutual_information=0.1, router="untrained")
    return pd.concat([table.assign(router="trained"), untrained])


def test_agreement_across_seeds_and_across_strategies():
    seeds = list(combinations(range(4), 2))
    same = {(cell, i, cell, j): 0.8 for cell in "ab" for i, j in seeds}
    others = {("a", i, "b", j): 0.3 for i, j in permutations(range(4), 2)}
    found = agreement(pairs(same | others)).loc[["a0", "a3", "b1"]]
    assert found.agreement_across_seeds.tolist() == pytest.approx([0.8] * 3)
    assert found.agreement_across_strategies.tolist() == pytest.approx([0.3] * 3)
    assert found.agreement_across_strategies_gain.tolist() == pytest.approx([0.2] * 3)
    assert found.agreement_gap.tolist() == pytest.approx([0.5] * 3)


def test_two_seeds_have_no_interval_and_so_no_value():
    found = agreement(agreements(RUNS, CHOSEN).assign(router="trained"))
    assert set(found.index) == {"a0", "a1", "b0", "b1"}
    assert found.isna().all(axis=None)
    assert agreement(agreements(RUNS[:1], CHOSEN).assign(router="trained")).empty


def test_intervals_of_agreement_cover_though_pairs_share_their_runs():
    """A pair agrees by a property of each of its runs, so that pairs with a run in common go along.

    The nominal 95 % of t intervals over the means of each run's pairs would be some 64 %.
    """
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        runs = rng.normal(size=5)
        scores = {("a", i, "a", j): runs[i] + runs[j] for i, j in combinations(range(5), 2)}
        found = mean_interval(agreement(pairs(scores)).agreement_across_seeds)
        assert found.mean == pytest.approx(2 * runs.mean())
        covered += found.low < 0 < found.high
    assert 0.92 < covered / 400 < 0.98


def test_share_of_spaces_is_that_of_the_favourite_expert():
    shares = {("trained", 0): [0.9, 0.1], ("trained", 1): [0.2, 0.8], ("untrained", 0): [0.5, 0.5]}
    rows = [
        {"run": "r", "router": r, "layer": layer, "token_class": "space", "primary_share": s}
        for (r, layer), both in shares.items()
        for s in both
    ]
    rows.append({**rows[0], "token_class": "vowel", "primary_share": 1.0})
    found = space_share(pd.DataFrame(rows))
    assert found.loc["r"].tolist() == pytest.approx([0.85, 0.5])


def test_information_is_a_mean_over_layers_by_router():
    rows = pd.DataFrame(
        [("r", "trained", 0, "class", 0.3), ("r", "trained", 1, "class", 0.5)],
        columns=["run", "router", "layer", "of", "corrected_nats"],
    )
    found = information(rows, "class")
    assert found.trained["r"] == pytest.approx(0.4)
    assert found.untrained.isna().all()
    assert information(rows, "story given token").empty
