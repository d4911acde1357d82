r"""Typeset each claim, its verdict and what was found: \defclaim for slides and report."""

import re

import pandas as pd

from moe_core.claims.arms import EXPERIMENTS
from moe_core.claims.judgement import Verdict
from moe_core.claims.schema import load_claims
from moe_core.figures.typeset import escape, typeset
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.ledger_table import effect

# what a verdict says of the claim
REMARKS = {
    Verdict.SUPPORTED: "Ours agrees",
    Verdict.EQUIVALENT: "Ours finds no difference",
    Verdict.REFUTED: "Ours differs",
    Verdict.INCONCLUSIVE: "Ours leaves it open",
    Verdict.NOT_TESTABLE: "Ours cannot say",
    Verdict.AWAITS: "Not run yet",
}
SETTINGS = re.compile(rf" \((?:{'|'.join(EXPERIMENTS)})\b([^()]*)\)")
WIDTHS = re.compile(r" \(dense widths [^()]*\)")
SHARE = re.compile(r"^(?:all \d+|\d+ of \d+): ")
STRATEGY = re.compile(rf"\b({'|'.join(sorted(registry.names(), key=len, reverse=True))})\b")
MINUS = re.compile(r"(?<![\w.])-(?=\d)")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
WORDS = {
    "tokens_per_s": "tokens/s",
    "load_cv": "load CV",
    "max_vio": "MaxVio",
    "router_entropy_nats": "router entropy (nats)",
    "drop_rate_excess": "drop rate beyond chance",
    "num_experts": "experts",
    "space_primary_share_gain": "share of spaces at one expert, less the untrained router's,",
    "space_primary_share": "share of spaces at one expert",
    "class_nats_gain": "nats on the class, less the untrained router's,",
    "class_less_story_nats": "nats on the class, less those on the story,",
    "agreement_across_strategies_gain": "agreement with other strategies, less that untrained,",
    "agreement_across_strategies": "agreement with other strategies",
    "agreement_gap": "agreement across seeds, less that across strategies,",
}


def without_settings(text: str) -> str:
    """Arms with what differs between their settings alone: nothing where there is one arm."""
    settings = [match[1].split(", ")[1:] for match in SETTINGS.finditer(text)]
    shared = set(settings[0]).intersection(*settings) if settings else set()

    def differing(match: re.Match) -> str:
        own = [item for item in match[1].split(", ")[1:] if item not in shared]
        return f" ({', '.join(own)})" if own else ""

    return SETTINGS.sub(differing, WIDTHS.sub("", text))


def plain(text: str) -> str:
    """A clause of the ledger as TeX, with names as in figures."""
    text = STRATEGY.sub(lambda m: registry.declaration(m[1])["label"], without_settings(text))
    for name, words in WORDS.items():
        text = text.replace(name, words)
    return MINUS.sub(r"\\ensuremath{-}", escape(text.replace("_", " ")))


def clauses(reason: str) -> tuple[str, str, str]:
    """Of a ledger's reason: why there is no plain verdict, what decides, and what was asked."""
    *why, deciding = reason.split("; ")
    about, asks, asked = SHARE.sub("", deciding).partition(", asked ")
    about = re.sub(r": [^:]*$", "", about) if asks else about
    return "; ".join(why), about, asked.partition(", surely")[0]


def remark(row: pd.Series) -> tuple[str, str]:
    """Whether ours agrees with the claim, by its verdict; and why there is no plain verdict."""
    verdict = Verdict(row.verdict)
    why, about, _ = clauses(row.reason)
    if verdict is Verdict.AWAITS:
        why = f"it awaits {row.reason.removeprefix('awaits: ')}"
    elif verdict is Verdict.NOT_TESTABLE and pd.isna(row.effect):
        why = "; ".join(filter(None, (why, about)))
    for word in (Verdict.REFUTED, Verdict.SUPPORTED):
        why = why.replace(f"{word} alone", f"{word.lower()} alone")
    return REMARKS[verdict], plain(why)


def found(row: pd.Series) -> str:
    """The effect that decides with its interval and n, of what, and what was asked; or empty."""
    if pd.isna(row.effect):
        return ""
    _, about, asked = clauses(row.reason)
    count = f", n = {row.n:.0f}" if pd.notna(row.n) else ""
    if row.unit == "share":
        limits = NUMBER.sub(lambda number: typeset(float(number[0]), row.unit), asked)
    else:
        limits = plain(asked)
    asks = f"; asked {limits}" if asked else ""
    return rf"\textbf{{{effect(row)}}}{count}: {plain(about)}{asks}."


def lines(ledger: pd.DataFrame, doubts: dict[str, str]) -> str:
    r"""\defclaim{id}{verdict}{sentence}{source}{doubt}{found}{remark}{why} of each claim."""
    found_of = []
    for _, row in ledger.iterrows():
        told = (row.id, row.verdict.lower(), escape(row.sentence), escape(row.source))
        parts = (*told, escape(doubts.get(row.id, "")), found(row), *remark(row))
        found_of.append(r"\defclaim" + "".join(f"{{{part}}}" for part in parts) + "\n")
    return "".join(found_of)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "claims", "out")
    given = arguments.parse_args()
    ledger = pd.read_csv(given.table)
    ledger["reason"] = ledger.reason.fillna("")
    doubts = {claim.id: claim.doubt for claim in load_claims(given.claims)}
    write_atomic(given.out, lines(ledger, doubts))


if __name__ == "__main__":
    run(main)
