"""What the report may cite of specialisation."""

import pandas as pd

from moe_core.numbers.analysis import MEASURES, analysis_numbers
from moe_core.stats.intervals import mean_interval


def summary() -> pd.DataFrame:
    """Two seeds at the largest capacity factor, and three rows that do not count."""
    columns = ["run", "tokens", "seed", "capacity_factor", "shared_hidden", "failure"]
    rows = pd.DataFrame(
        [
            ("a", "char", 0, 1.25, 0.0, None),
            ("b", "char", 1, 1.25, 0.0, None),
            ("c", "char", 2, 1.25, 0.0, "diverged"),
            ("d", "char", 0, 1.0, 0.0, None),
            ("e", "char", 0, 1.25, 64.0, None),
            ("f", "bpe", 0, 1.25, 0.0, None),
        ],
        columns=columns,
    )
    rows = rows.assign(strategy="softk", label="soft top-k", **dict.fromkeys(MEASURES))
    rows["space_primary_share"] = [0.4, 0.6, 9.0, 9.0, 9.0, None]
    rows["story_given_token_nats"] = [None] * 5 + [0.1]
    return rows


def test_means_are_over_the_seeds_that_finished_at_the_largest_factor():
    numbers = {number.key: number for number in analysis_numbers(summary())}
    spaces = numbers["analysis/char/softk/space_primary_share"]
    expected = mean_interval([0.4, 0.6])
    assert (spaces.value, spaces.low, spaces.high) == (expected.mean, expected.low, expected.high)
    assert (spaces.n, spaces.runs, spaces.unit) == (2, "a b", "share")


def test_encodings_stand_apart_and_have_their_own_measures():
    keys = {number.key for number in analysis_numbers(summary())}
    assert keys == {
        "analysis/char/softk/label",
        "analysis/char/softk/space_primary_share",
        "analysis/bpe/softk/label",
        "analysis/bpe/softk/story_given_token_nats",
    }


def test_one_seed_has_no_interval():
    numbers = {number.key: number for number in analysis_numbers(summary())}
    story = numbers["analysis/bpe/softk/story_given_token_nats"]
    assert (story.n, story.low, story.high) == (1, None, None)
