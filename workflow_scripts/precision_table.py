"""Typeset routers in lower precision: change of bits per byte, and the choices that change."""

import pandas as pd

from moe_core.analysis.flip_columns import ROUNDED
from moe_core.figures.order import order
from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from workflow_scripts.aggregate import WANTED
from workflow_scripts.command import parser, path_argument, run

CHANGE = "bits_per_byte_less_fp32"
UNIT = 1e3  # a change is told in thousandths of a bit


def change(arm: pd.Series) -> str:
    """Mean and 95 % interval in thousandths of a bit; a dagger where it may be more than none."""
    ends = (typeset(UNIT * arm[f"{CHANGE}{end}"], "ratio") for end in ("", "_low", "_high"))
    mark = r"\,$^{\dagger}$" if str(arm.equivalent) == "False" else ""  # empty for a single seed
    return "{} [{}, {}]".format(*ends) + mark


def line(label: str, arms: pd.DataFrame) -> str:
    """A row of the table: one cell in each lower precision."""
    failed = r"\,$^{\ddagger}$" if arms.n_failed.any() else ""
    cells = [escape(label) + failed]
    for precision in ROUNDED:
        arm = arms[arms.router_precision.eq(precision)].iloc[0]
        shares = (arm.set_changed_local, arm.set_changed_compounded)
        cells += [change(arm), " / ".join(typeset(share, "share_fine") for share in shares)]
    counts = sorted({f"{n:.0f}" for n in arms.n})
    return " & ".join([*cells, ", ".join(counts)])


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    arms = pd.read_csv(given.table)
    lines = []
    for strategy in order(list(arms.strategy)):
        own = arms[arms.strategy.eq(strategy)]
        lines += [line(label, cell) for label, cell in own.groupby("label", sort=False)]
    margin = typeset(UNIT * WANTED, "count")
    hole = r" $\ddagger$ Seeds failed." if arms.n_failed.any() else ""
    caption = rf"""Trained models with routers in lower precision, all else in float32: change in
    thousandths of a bit per byte with its 95\,\% interval over paired seeds and stories, and
    decisions of a token in a layer whose set of experts changes, on equal inputs / compounded.
    $\dagger$ Not equivalent to float32 within {margin} thousandths (two one-sided tests at
    5\,\%).{hole}"""
    head = " & ".join(["Strategy", *(f"{p} & changed" for p in ROUNDED), "$n$"])
    write_atomic(given.out, table(caption, "tab:precision", "llrlrlrr", head, lines))


if __name__ == "__main__":
    run(main)
