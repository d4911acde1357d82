"""How verdicts of parts make that of the whole, against the definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_core.claims.judgement import Judgement, Verdict, all_hold, some_hold

JUDGED = [v for v in Verdict if v is not Verdict.AWAITS]
p_values = st.one_of(st.just(math.nan), st.floats(0, 1))
judgements = st.lists(
    st.builds(
        Judgement, st.sampled_from(JUDGED), st.text("abc"), effect=st.floats(0, 9), p=p_values
    ),
    min_size=1,
    max_size=5,
)
NEGATION = {v: v for v in JUDGED} | {
    Verdict.REFUTED: Verdict.SUPPORTED,
    Verdict.SUPPORTED: Verdict.REFUTED,
    Verdict.EQUIVALENT: Verdict.REFUTED,
}


@given(judgements)
def test_all_is_the_worst(parts):
    found = all_hold(parts)
    verdicts = {j.verdict for j in parts}
    for verdict in ("REFUTED", "NOT TESTABLE", "INCONCLUSIVE", "SUPPORTED", "EQUIVALENT"):
        if verdict in verdicts:
            assert found.verdict == verdict
            break


@given(judgements)
def test_some_holds_where_not_all_fail(parts):
    negated = [Judgement(NEGATION[j.verdict], "", p=j.p) for j in parts]
    found, mirrored = some_hold(parts), all_hold(negated)
    if found.verdict in (Verdict.NOT_TESTABLE, Verdict.INCONCLUSIVE):
        # nothing holds and something is open; an untested part decides only where all are
        assert mirrored.verdict in (Verdict.NOT_TESTABLE, Verdict.INCONCLUSIVE)
        inconclusive = any(j.verdict is Verdict.INCONCLUSIVE for j in parts)
        assert (found.verdict is Verdict.INCONCLUSIVE) == inconclusive
    else:
        assert NEGATION[found.verdict] is mirrored.verdict
        assert found.p == pytest.approx(mirrored.p, nan_ok=True)


@given(judgements)
def test_p_of_a_conjunction(parts):
    found = all_hold(parts)
    refuting = [j.p for j in parts if j.verdict is Verdict.REFUTED]
    every = [j.p for j in parts if not math.isnan(j.p)]
    if found.verdict is not Verdict.REFUTED:
        expected = max(every, default=math.nan)
    elif any(map(math.isnan, refuting)):
        expected = math.nan  # one refutes without a test, whatever the others say
    else:
        expected = min(1.0, len(parts) * min(refuting))
    assert found.p == pytest.approx(expected, nan_ok=True)


@given(judgements)
def test_effect_and_reason_are_of_the_part_that_decides(parts):
    found = all_hold(parts)
    held = found.verdict in (Verdict.SUPPORTED, Verdict.EQUIVALENT)
    deciding = parts if held else [j for j in parts if j.verdict is found.verdict]
    p_values = [-1.0 if math.isnan(j.p) else j.p for j in deciding]
    extreme = min(p_values) if found.verdict is Verdict.REFUTED else max(p_values)
    assert (found.effect, found.reason) in [
        (j.effect, j.reason) for j, p in zip(deciding, p_values, strict=True) if p == extreme
    ]


def test_the_share_of_parts_that_agree_is_told():
    good, bad = Judgement(Verdict.SUPPORTED, "a < b"), Judgement(Verdict.REFUTED, "c > d")
    same = Judgement(Verdict.EQUIVALENT, "e ~ f")

    def told(found: Judgement) -> tuple[str, str]:
        return found.share, found.reason

    assert told(all_hold([good, bad, good])) == ("1 of 3", "c > d")
    assert told(all_hold([good, same])) == ("all 2", "a < b")
    assert told(some_hold([bad, good, good])) == ("2 of 3", "a < b")
    assert told(some_hold([bad, bad])) == ("2 of 2", "c > d")
    # of a composed part, the outer share
    assert told(some_hold([bad, all_hold([good, same])])) == ("1 of 2", "a < b")
