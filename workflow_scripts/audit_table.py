"""Typeset the audits: a row a strategy, a column an audit, failures of trials."""

import pandas as pd

from moe_core.failures import brief
from moe_core.figures.order import order
from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from workflow_scripts.command import parser, path_argument, run

NAMES = {
    "gradient": "Gradient",
    "balance_gradient": "Balance",
    "suffix": "Suffix",
    "neighbours": "Neighbours",
    "batch_of_one": "Alone",
    "permuted_rows": "Permuted",
    "decoding": "Decoding",
    "conservation": "Conserved",
}


def mark(rows: pd.DataFrame) -> str:
    """Passed, or failures of trials; in brackets where failing was declared."""
    if rows.empty:
        return "--"
    if rows.passed.all():
        return r"\checkmark"
    worst = rows[~rows.passed].sort_values("failures").iloc[-1]
    counts = f"{worst.failures:.0f}/{worst.trials:.0f}"
    return counts if worst.declared else f"({counts})"


def holes(audits: pd.DataFrame) -> str:
    """A sentence of the caption: the cells that were not audited, and why; empty if all were."""
    missing = audits[audits.not_audited.notna()]
    if missing.empty:
        return ""
    cells = ", ".join(f"{row.cell} ({brief(row.not_audited)})" for row in missing.itertuples())
    words = f"cells that are not audited, for the run to audit failed: {cells}."
    return rf" $\ddagger$ {escape(words)}"


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    audits = pd.read_csv(given.table)
    lines = []
    for strategy in order(list(audits.strategy)):
        own = audits[audits.strategy == strategy]
        label = escape(registry.declaration(strategy)["label"])
        label += r"\,$^{\ddagger}$" if own.not_audited.notna().any() else ""
        for mode in ("train", "decode"):
            marks = [mark(own[own.audit.eq(a) & own["mode"].eq(mode)]) for a in NAMES]
            name = label if mode == "train" else ""
            lines.append(" & ".join([name, mode, *marks]))
    trials = typeset(audits[audits.audit == "suffix"].trials.min(), "count")
    caption = rf"""Audits of trained and of adversarially skewed routers, by the rule of
    training at its capacity and by the rule of a decoder; {trials} trials or more of each
    invariance. Numbers: failures of trials in the worse case; in brackets where the strategy
    declares that it fails.{holes(audits)}"""
    head = " & ".join(["Strategy", "Rule", *NAMES.values()])
    columns = "ll" + "c" * len(NAMES)
    write_atomic(
        given.out,
        table(caption, "tab:audits", columns, head, lines, column_separation="6pt"),
    )


if __name__ == "__main__":
    run(main)
