"""Agreement of runs, and what a row of the analysis says of one."""

import numpy as np
import pandas as pd
import pytest

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


def test_agreement_across_seeds_and_across_strategies():
    table = agreement(agreements(RUNS, CHOSEN).assign(router="trained"))
    assert table.agreement_across_seeds["a0"] == pytest.approx(1)
    assert table.agreement_across_strategies["a0"] == pytest.approx(1)
    assert table.agreement_across_seeds["b0"] == pytest.approx(0, abs=0.01)
    assert table.agreement_gap["a1"] == pytest.approx(1, abs=0.01)
    one_seed = agreement(agreements(RUNS[::2], CHOSEN).assign(router="trained"))
    assert one_seed.empty
    assert {*one_seed} == {*table}


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
