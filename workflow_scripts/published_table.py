"""Typeset the original's strategies, by the rule they were published with, beside ours."""

import pandas as pd

from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.tables import FAILED, failed_seeds, seeds, with_interval

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
        # the original reports its models at their capacity
        values = [
            with_interval(theirs, "bits_per_byte_at_capacity", "bits_per_byte"),
            with_interval(ours, "bits_per_byte", "bits_per_byte"),
        ] + [
            typeset(row[key], unit)
            for key, unit in (("load_cv", "ratio"), ("drop_rate", "share"))
            for row in (theirs, ours)
        ]
        values += [seeds(theirs), seeds(ours)]
        failed = FAILED if ours.n_failed + theirs.n_failed else ""
        lines.append(" & ".join([escape(ours.label) + failed, *values, DEFECTS[name]]))
    caption = r"""The original study's strategies with their defects, and ours, at the largest
    capacity factor: bits per byte with 95\,\% intervals (as published at capacity, by the rule of
    training, over seeds; ours in causal mode, over seeds and stories), load CV before dropping,
    drop rate, and seeds. The defects are
    numbered in \texttt{moe\_core/routing/strategies/as\_published.py} and shown one by one in
    the tests.""" + failed_seeds(usual.loc[[*pairs, *(PUBLISHED + name for name in pairs)]])
    head = r"""& \multicolumn{2}{c}{Bits per byte} & \multicolumn{2}{c}{Load CV} &
      \multicolumn{2}{c}{Drop rate} & \multicolumn{2}{c}{$n$} & \\
    Strategy & as published & ours & as published & ours & as published & ours & as published
      & ours & Defects"""
    nothing = [r"\multicolumn{10}{l}{no such pair in this study}"]
    write_atomic(given.out, table(caption, "tab:published", "lllrrrrrrl", head, lines or nothing))


if __name__ == "__main__":
    run(main)
