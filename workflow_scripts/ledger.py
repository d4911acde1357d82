"""Judge every claim by its rule, and flag verdicts that differ from a stored ledger."""

import argparse
from pathlib import Path

import pandas as pd

from moe_core.claims.arms import EXPERIMENTS
from moe_core.claims.evidence import Evidence
from moe_core.claims.facts import read_facts
from moe_core.claims.judgement import Judgement
from moe_core.claims.ledger import judge_claims
from moe_core.claims.schema import Claim, load_claims
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


def ledger_row(claim: Claim, found: Judgement, p_holm: float, before: str | None) -> dict:
    """One claim's row; ``before`` is its verdict in the stored ledger, if it stands there."""
    return {
        "id": claim.id,
        "sentence": claim.sentence,
        "source": claim.source,
        "verdict": found.verdict.value,
        "effect": found.effect,
        "low": found.low,
        "high": found.high,
        "unit": found.unit,
        "n": found.n or None,
        "minimum_detectable_effect": found.minimum_detectable_effect,
        "p_holm": p_holm,
        "reason": found.reason,
        "previous_verdict": before,
        "changed": before is not None and before != found.verdict.value,
    }


def stored_verdicts(path: Path | None) -> dict[str, str]:
    """Verdict by claim of an earlier ledger; none where there is no such file."""
    if path is None or not path.is_file():
        return {}
    return pd.read_csv(path).set_index("id").verdict.to_dict()


def named_path(text: str) -> tuple[str, Path]:
    """``NAME=path`` of an experiment."""
    name, _, path = text.partition("=")
    if name not in EXPERIMENTS or not path:
        raise argparse.ArgumentTypeError(f"{text!r}: NAME=path, NAME of {', '.join(EXPERIMENTS)}")
    return name, Path(path)


def with_analysis(summary: pd.DataFrame, analysis: pd.DataFrame) -> pd.DataFrame:
    """The summary of an experiment with what the analysis says of its runs."""
    new = analysis.columns.difference(summary.columns)
    return summary.merge(analysis[["run", *new]], "left", "run", validate="m:1")


def with_specialisation(summary: pd.DataFrame, routers: pd.DataFrame) -> pd.DataFrame:
    """The summary of image runs with what trained routers tell of classes.

    class_nmi_learned: what they tell beyond chance, less the same of the router before training.
    """
    keys = [key for key in routers if key.startswith(("class_", "superclass_"))]
    of = {name: rows.set_index("run")[keys] for name, rows in routers.groupby("router")}
    trained, untrained = (of.get(name, routers[keys].iloc[:0]) for name in ("trained", "untrained"))
    learned = {
        key.replace("_gain", "_learned"): trained[key] - untrained[key]
        for key in keys
        if key.endswith("_gain")
    }
    found = trained.assign(**learned).reset_index(names="run")
    new = found.columns.difference(summary.columns)
    return summary.merge(found[["run", *new]], "left", "run", validate="1:1")


def judged(claims: list[Claim], evidence: Evidence, smoke: bool, before: dict) -> pd.DataFrame:
    """A row a claim, all judged as one family; before: verdicts of a stored ledger."""
    rows = [
        ledger_row(claim, found, p_holm, before.get(claim.id))
        for claim, (found, p_holm) in zip(
            claims, judge_claims(claims, evidence, smoke=smoke), strict=True
        )
    ]
    return pd.DataFrame(rows).astype({"n": "Int64"})


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "claims", "analysis", "specialisation", "out")
    arguments.add_argument("--audits", type=Path, nargs="+", required=True, help="audits.csv")
    arguments.add_argument("--summary", type=named_path, nargs="+", action="extend", required=True)
    arguments.add_argument("--stories", type=Path, nargs="+", required=True, help="RUN/stories.csv")
    arguments.add_argument("--facts", type=Path, nargs="*", default=[], help="facts.csv")
    arguments.add_argument("--stored", type=Path, nargs="?", help="ledger to compare with")
    arguments.add_argument("--smoke", choices=["true", "false"], required=True)
    given = arguments.parse_args()
    claims = load_claims(given.claims)
    analysis = pd.read_csv(given.analysis)
    tables = {name: pd.read_csv(path) for name, path in given.summary}
    summaries = {name: with_analysis(table, analysis) for name, table in tables.items()}
    if "vision" in tables:
        routers = pd.read_csv(given.specialisation)
        summaries["vision"] = with_specialisation(tables["vision"], routers)
    evidence = Evidence(
        summaries=summaries,
        stories={path.parent.name: pd.read_csv(path) for path in given.stories},
        audits=pd.concat(map(pd.read_csv, given.audits)),
        facts=read_facts(given.facts),
    )
    smoke = given.smoke == "true"
    before = {} if smoke else stored_verdicts(given.stored)
    write_atomic(given.out, judged(claims, evidence, smoke, before).to_csv(index=False))


if __name__ == "__main__":
    run(main)
