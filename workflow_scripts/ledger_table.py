"""Typeset the claims ledger, a table a page."""

import pandas as pd

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

ROWS = 15  # of one page
COLUMNS = (
    r"l>{\raggedright}p{0.28\textwidth}>{\raggedright}p{0.095\textwidth}"
    r">{\raggedright}p{0.14\textwidth}rrr>{\raggedright\arraybackslash}p{0.27\textwidth}"
)


def unit(row: pd.Series) -> str:
    """How the effect is typeset."""
    return row.unit if isinstance(row.unit, str) else "ratio"


def effect(row: pd.Series) -> str:
    """The effect with its interval, as far as there is one."""
    mean, low, high = (typeset(row[key], unit(row)) for key in ("effect", "low", "high"))
    return mean if "--" in (low, high) else rf"{mean} [{low}, {high}]"


def p_value(p: float) -> str:
    """Three decimals, or that it is less."""
    return "--" if pd.isna(p) else "$<$.001" if p < 0.001 else f"{p:.3f}"


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
            typeset(row.minimum_detectable_effect, unit(row)),
            p_value(row.p_holm),
            typeset(row.n, "count"),
            escape(row.reason),
        ]
        lines.append(" & ".join(cells))
    caption = r"""The claims ledger. Verdicts are made by the rules of \texttt{claims.yaml};
    effect: in the units of the claim, with 95\,\% interval, of the part that decides; MDE: the
    least that the seeds detect with power 0.8, before correction; $p$: after Holm's correction;
    $n$: paired seeds, or timings. $\ast$ differs from the stored ledger."""
    return table(
        caption if first else "The claims ledger, continued.",
        "tab:ledger" if first else "",
        COLUMNS,
        "Id & Claim & Verdict & Effect & MDE & $p$ & $n$ & Reason",
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
