"""Numbers of what was judged: claims and audits."""

from collections.abc import Iterator

import pandas as pd

from moe_core.numbers.number import Number, finite, words


def claim_numbers(ledger: pd.DataFrame) -> Iterator[Number]:
    """The verdict of each claim, and how many have which."""
    for _, row in ledger.iterrows():
        yield Number(f"claims/{row.id}", row.verdict.lower(), "text", "ledger")
    for verdict in ("supported", "equivalent", "refuted", "inconclusive", "not testable", "awaits"):
        count = int(ledger.verdict.str.lower().eq(verdict).sum())
        yield Number(f"claims/count/{verdict.replace(' ', '_')}", count, "count", "ledger")
    yield Number("claims/count/all", len(ledger), "count", "ledger")
    judged = int((~ledger.verdict.isin(["AWAITS", "NOT TESTABLE"])).sum())
    yield Number("claims/count/judged", judged, "count", "ledger")
    yield Number("claims/outcome", outcome(ledger.verdict), "text", "ledger")
    changed = ledger[ledger.changed.astype(bool)].id
    yield Number("claims/changed", words(changed), "text", "ledger")


def outcome(verdicts: pd.Series) -> str:
    """How many claims were judged how, as a sentence."""
    count = verdicts.value_counts()
    judged = int(count.drop(["AWAITS", "NOT TESTABLE"], errors="ignore").sum())
    if not judged:
        return f"None of the {len(verdicts)} claims could be judged by this study."
    found = {
        "supported": "SUPPORTED",
        "found to be no difference": "EQUIVALENT",
        "refuted": "REFUTED",
        "left open": "INCONCLUSIVE",
    }
    each = ", ".join(f"{count.get(verdict, 0)} {what}" for what, verdict in found.items())
    return f"Claims judged: {judged}, of which {each}."


def audit_numbers(audits: pd.DataFrame) -> Iterator[Number]:
    """How much was audited, and what the audits found."""
    audits = audits[audits.not_audited.isna()]
    invariances = audits[audits.audit == "suffix"]
    yield Number("audits/strategies", audits.strategy.nunique(), "count", "audits")
    yield Number("audits/trials", finite(invariances.trials.min()), "count", "audits")
    declared = audits[audits.declared]
    yield Number("audits/declared", len(declared), "count", "audits")
    yield Number("audits/breaches", int((~declared.passed).sum()), "count", "audits")
    yield Number(
        "audits/failed_as_declared",
        int((~audits[~audits.declared].passed).sum()),
        "count",
        "audits",
    )
    passing = declared[declared.audit.eq("suffix")]
    yield Number("audits/high", finite(passing.high.max()), "share_fine", "audits")
