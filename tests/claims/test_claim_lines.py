"""What slides say of a claim, from its row of the ledger."""

import re
from pathlib import Path

import pandas as pd
import pytest

from moe_core.claims.judgement import Verdict
from workflow_scripts.claim_lines import REMARKS, clauses, found, lines, remark, without_settings

ROOT = Path(__file__).resolve().parents[2]
ARM = "(unified, capacity_factor 1.25, shared_hidden 0)"


def row(verdict: str, reason: str, **values) -> pd.Series:
    plain = {"id": "C04", "sentence": "Hash is 5 % worse.", "source": "Outline", "verdict": verdict}
    plain |= {"effect": 0.18, "low": 0.14, "high": 0.22, "unit": "bits_per_byte", "n": 5.0}
    return pd.Series(plain | {"reason": reason} | values)


REFUTED = row(
    "REFUTED",
    f"4 of 4: bits_per_byte of topk_hard less hash {ARM}: 0.1798 (0.14 to 0.2188), "
    "asked -0.0281 or less",
)


def test_what_differs_is_told_with_effect_interval_n_and_what_was_asked():
    assert remark(REFUTED) == ("Ours differs", "")
    said = found(REFUTED)
    assert said.startswith(r"\textbf{0.180 [0.140, 0.220]}, n = 5: ")
    assert "bits per byte of top-k hard less hash; asked" in said
    assert said.endswith(r"\ensuremath{-}0.0281 or less.")


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_a_remark_of_its_own_and_a_colour(verdict):
    assert list(REMARKS.values()).count(REMARKS[verdict]) == 1
    look = (ROOT / "report/slides/look.tex").read_text()
    assert rf"\definecolor{{v{verdict.lower()}}}" in look


def test_smoke_is_said_and_the_measured_effect_still_shown():
    smoke = row(
        "NOT TESTABLE", f"smoke scale: too small; load_cv of softk {ARM}: 1 (0 to 2), asked 3"
    )
    assert remark(smoke) == ("Ours cannot say", "smoke scale: too small")
    assert found(smoke).endswith("load CV of soft top-k; asked 3.")


def test_without_a_value_the_reason_says_what_is_missing():
    lost = row("NOT TESTABLE", f"smoke scale: too small; 2 of 3: no run of top1 {ARM}", effect=None)
    assert remark(lost) == ("Ours cannot say", "smoke scale: too small; no run of top-1")
    assert found(lost) == ""


def test_what_it_awaits_is_said():
    awaits = row("AWAITS", "awaits: kernels", effect=None, n=None)
    assert remark(awaits) == ("Not run yet", "it awaits kernels")


def test_a_refutation_that_did_not_survive_is_said():
    reason = f"REFUTED alone, but not as one of 20 claims (Holm p = 0.4); {REFUTED.reason}"
    open_ = row("INCONCLUSIVE", reason)
    assert remark(open_)[1].startswith("refuted alone, but not as one of 20 claims")
    assert found(open_) == found(REFUTED)


def test_limits_of_a_share_are_in_its_unit():
    dropped = row("REFUTED", f"drop_rate of top1 {ARM}: 0.06 (0.03 to 0.08), asked 0.22 to 0.33")
    said = found(dropped.replace("bits_per_byte", "share"))
    assert said.endswith(r"asked 22.0\,\% to 33.0\,\%.")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        (f"load_cv of softk {ARM}", "load_cv of softk"),
        (
            "x of softk (balance, switch_coef 0.1, jitter 0) less softk (balance, switch_coef 0.0)",
            "x of softk (switch_coef 0.1, jitter 0) less softk (switch_coef 0.0)",
        ),
        (
            "tau by x (larger, num_experts 8, dim smallest) and x (larger, num_experts 32, "
            "dim smallest)",
            "tau by x (num_experts 8) and x (num_experts 32)",
        ),
        ("x of softk (less its dense model)", "x of softk (less its dense model)"),
    ],
)
def test_settings_are_told_where_they_differ(text, short):
    assert without_settings(text) == short


def test_a_ratio_of_an_arm_to_none_keeps_its_colon():
    assert clauses("a: b; all 2: x of y: 1 (0 to 2), asked 3") == ("a: b", "x of y", "3")


def test_every_claim_of_a_real_ledger_is_typeset():
    ledger = pd.read_csv(ROOT / "results/reference/claims/ledger.csv")
    ledger["reason"] = ledger.reason.fillna("")
    text = lines(ledger, {"C01": "50 % & more"})
    assert text.count(r"\defclaim") == len(ledger)
    assert r"50 \% \& more" in text
    assert not re.search(r"(?<!\\)[_&%#]", text)
    for line in text.splitlines():
        assert line.count("{") == line.count("}")
