"""Typeset which strategies read later tokens, as the audits found, and what that gains them."""

import pandas as pd

from moe_core.figures.order import order
from moe_core.figures.typeset import escape, tabular, typeset
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.tables import with_interval


def failures(rows: pd.DataFrame) -> str:
    """Failures of trials in the worst case, with the upper end of the rate where there is none."""
    rows = rows[rows.trials.notna()]
    if rows.empty:
        return "--"
    worst = rows.sort_values(["failures", "high"]).iloc[-1]
    counts = f"{worst.failures:.0f}/{worst.trials:.0f}"
    if worst.failures:
        return rf"\textbf{{{counts}}}"
    return rf"{counts} ($\le$ {typeset(worst.high, 'share')})"


def premium(cells: pd.DataFrame) -> str:
    """The leak premium at the largest capacity factor, without a shared expert."""
    cells = cells[cells.shared_hidden.eq(0)]
    if cells.empty:
        return "--"
    cell = cells.loc[cells.capacity_factor.idxmax()]
    return with_interval(cell, "leak_premium", "bits_per_byte") if cell.leak_premium else "0"


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "audits", "aggregate", "out")
    given = arguments.parse_args()
    audits, aggregate = pd.read_csv(given.audits), pd.read_csv(given.aggregate)
    lines = []
    for strategy in order(list(audits.strategy)):
        own = audits[audits.strategy == strategy]
        declared = registry.declaration(strategy)
        cells = [
            escape(declared["label"]),
            "yes" if declared["causal"] else r"\textbf{no}",
            *(
                failures(own[own.audit.eq(audit) & own["mode"].eq(mode)])
                for audit in ("suffix", "neighbours")
                for mode in ("train", "decode")
            ),
            premium(aggregate[aggregate.strategy == strategy]),
        ]
        lines.append(" & ".join(cells))
    head = (
        r"& & \multicolumn{2}{c}{Other suffix} & \multicolumn{2}{c}{Other neighbours} & \\"
        "\n    Strategy & Causal & training & decoder & training & decoder & Leak premium"
    )
    write_atomic(given.out, tabular("lcllllr", head, lines))


if __name__ == "__main__":
    run(main)
