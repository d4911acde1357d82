"""The sentence on how the claims came out."""

import pandas as pd

from moe_core.numbers.judgements import outcome


def test_what_was_judged_adds_up():
    verdicts = ["SUPPORTED", "REFUTED", "REFUTED", "INCONCLUSIVE", "AWAITS", "NOT TESTABLE"]
    assert outcome(pd.Series(verdicts)) == (
        "Claims judged: 4, of which 1 supported, 0 found to be no difference, 2 refuted, "
        "1 left open."
    )


def test_a_study_that_can_judge_nothing_says_so():
    assert outcome(pd.Series(["AWAITS", "NOT TESTABLE"])).startswith("None of the 2 claims")
