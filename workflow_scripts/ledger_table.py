"""Typeset the claims ledger, a table a page."""

import pandas as pd

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

ROWS = 15  # of one page
COLUMNS = (
    r"l>{\raggedright}p{0.33\textwidth}>{\raggedright}p{0.095\textwidth}"
    r">{\raggedright}p{0.14\textwidth}r>{\raggedright\arraybackslash}p{0.31\textwidth}"
)
UNITS = {"bits_per_byte": "bits_per_byte"}


def effect(row: pd.Series) -> str:
    """The effect with its interval, as far as there is one."""
    if pd.isna(row.effect):
        return "--"
    unit = UNITS.get(row.unit, "ratio")
    text = typeset(row.effect, unit)
    if pd.notna(row.low) and pd.notna(row.high):
        text += rf" [{typeset(row.low, unit)}, {typeset(row.high, unit)}]"
    return text


def page(rows: pd.DataFrame, first: bool) -> str:
    """One table of the ledger."""
    lines = []
    for _, row in rows.iterrows():
        changed = r"\,$^{\ast}$" if row.changed else ""
        cells = [
            row.id,
            escape(row.sentence),
            row.verdict.lower() + changed,
            effect(row),
            typeset(row.n, "count"),
            escape(row.reason),
        ]
        lines.append(" & ".join(cells))
    caption = r"""The claims ledger. Verdicts are made by the rules of \texttt{claims.yaml};
    effect: in the units of the claim, with 95\,\% interval; $n$: paired seeds. $\ast$ differs
    from the stored ledger."""
    return table(
        caption if first else "The claims ledger, continued.",
        "tab:ledger" if first else "",
        COLUMNS,
        "Id & Claim & Verdict & Effect & $n$ & Reason",
        lines,
        column_separation="3pt",
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    ledger = pd.read_csv(given.table, keep_default_na=True)
    ledger["reason"] = ledger.reason.fillna("")
    pages = [ledger.iloc[i : i + ROWS] for i in range(0, len(ledger), ROWS)]
    write_atomic(given.out, "\n".join(page(rows, i == 0) for i, rows in enumerate(pages)))


if __name__ == "__main__":
    run(main)
