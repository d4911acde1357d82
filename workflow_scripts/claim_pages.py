"""Typeset the claims ledger as frames of the slides, and how many claims have which verdict."""

import pandas as pd

from moe_core.claims.judgement import Verdict
from moe_core.figures.typeset import escape, tabular, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.ledger_table import effect

ROWS = 12  # of a frame


def frame(rows: pd.DataFrame, page: int, pages: int) -> str:
    """One page of the ledger."""
    lines = [
        " & ".join(
            [
                row.id,
                rf"\badge{{{row.verdict.lower()}}}" + (r"\,$^{\ast}$" if row.changed else ""),
                escape(row.sentence),
                effect(row),
                typeset(row.n, "count"),
            ]
        )
        for _, row in rows.iterrows()
    ]
    table = tabular(
        r"l@{\enspace}l>{\raggedright}p{0.58\textwidth}rr",
        "Id & Verdict & Claim & Effect & $n$",
        lines,
    )
    return rf"""\begin{{frame}}{{Claims: the ledger, {page} of {pages}}}
\ledgerpage{{%
{table}}}
\end{{frame}}
"""


def counts(ledger: pd.DataFrame) -> str:
    """Verdict, how many claims have it, and which."""
    lines = []
    for verdict in Verdict:
        ids = list(ledger[ledger.verdict == verdict.value].id)
        lines.append(rf"\badge{{{verdict.value.lower()}}} & {len(ids)} & {', '.join(ids) or '--'}")
    return tabular(
        r"lr>{\raggedright\arraybackslash}p{0.62\textwidth}", "Verdict & & Claims", lines
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pages", "counts")
    given = arguments.parse_args()
    ledger = pd.read_csv(given.table)
    pages = [ledger.iloc[i : i + ROWS] for i in range(0, len(ledger), ROWS)]
    frames = [frame(rows, i + 1, len(pages)) for i, rows in enumerate(pages)]
    write_atomic(given.pages, "\n".join(frames))
    write_atomic(given.counts, counts(ledger))


if __name__ == "__main__":
    run(main)
