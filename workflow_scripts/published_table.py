"""Typeset the original's strategies as published beside ours, paired by seed and story."""

import pandas as pd

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.tables import with_interval

PUBLISHED = "as_published_"
DEFECTS = {
    "top1": "D1, D2, D17, D18",
    "topk_hard": "D1, D2, D3, D17, D18",
    "softk": "D1, D10, D17, D18",
    "hash": "D1, D6, D17, D18",
    "expert_choice": "D1, D4, D5, D10, D17, D18, D22",
}


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    cells = pd.read_csv(given.table)
    cells = cells[cells.shared_hidden.fillna(0).eq(0)]
    usual = cells[cells.capacity_factor.eq(cells.capacity_factor.max())].set_index("strategy")
    pairs = [n for n in DEFECTS if {n, PUBLISHED + n} <= set(usual.index)]
    lines = []
    for name in pairs:
        ours, theirs = usual.loc[name], usual.loc[PUBLISHED + name]
        values = [
            with_interval(row, "bits_per_byte", "bits_per_byte") for row in (theirs, ours)
        ] + [
            typeset(row[key], unit)
            for key, unit in (("load_cv", "ratio"), ("drop_rate", "share"))
            for row in (theirs, ours)
        ]
        lines.append(" & ".join([escape(ours.label), *values, DEFECTS[name]]))
    caption = r"""The original study's strategies with their defects, and ours, at the largest
    capacity factor: bits per byte, load CV before dropping and drop rate. The defects are
    numbered in \texttt{moe\_core/routing/strategies/as\_published.py} and shown one by one in
    the tests."""
    head = r"""& \multicolumn{2}{c}{Bits per byte} & \multicolumn{2}{c}{Load CV} &
      \multicolumn{2}{c}{Drop rate} & \\
    Strategy & as published & ours & as published & ours & as published & ours & Defects"""
    nothing = [r"\multicolumn{8}{l}{no such pair in this study}"]
    write_atomic(given.out, table(caption, "tab:published", "lllrrrrl", head, lines or nothing))


if __name__ == "__main__":
    run(main)
