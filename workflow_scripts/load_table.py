"""Typeset load and drops of each strategy at its largest capacity factor."""

import pandas as pd

from moe_core.figures.order import is_control, order
from moe_core.figures.typeset import escape, tabular
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.tables import seeds, with_interval

CONTROLS = ("position_hash", "frozen_router")  # that stand beside the strategies


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    aggregate = pd.read_csv(given.table)
    routed = aggregate[aggregate.num_experts.notna() & aggregate.shared_hidden.eq(0)]
    lines = []
    for strategy in order(list(routed.strategy)):
        if is_control(strategy) and strategy not in CONTROLS:
            continue
        cells = routed[routed.strategy == strategy]
        cell = cells.loc[cells.capacity_factor.idxmax()]
        columns = [
            escape(cell.label),
            with_interval(cell, "load_cv", "ratio"),
            with_interval(cell, "drop_rate", "share"),
            seeds(cell),
        ]
        lines.append(" & ".join(columns))
    write_atomic(given.out, tabular("lrrr", "Strategy & Load CV & Drop rate & $n$", lines))


if __name__ == "__main__":
    run(main)
