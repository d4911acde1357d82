"""One row a cell and lower router precision: bits per byte and choices against float32.

Intervals of bits are two-level, over paired seeds and stories; of shares over seeds alone.
"""

import pandas as pd

from moe_core.analysis.flip_columns import KINDS, ROUNDED
from moe_core.failures import by_seed
from moe_core.provenance import write_atomic
from moe_core.stats.bootstrap import bits_per_byte_difference
from moe_core.stats.equivalence import equivalent
from moe_core.stats.intervals import mean_interval
from workflow_scripts.aggregate import IDENTITY, WANTED, Stories, columns
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.precision_runs import SHARES

CHANGE = "bits_per_byte_less_fp32"
MEANS = (CHANGE, *(f"{key}_{kind}" for kind in KINDS for key in SHARES))


def arm_row(cell: pd.DataFrame, exact: pd.DataFrame, stories: Stories) -> dict[str, object]:
    """Aggregate of one cell in one precision; exact: the same cell in float32."""
    finished = cell[cell.status.eq("finished")]
    row = cell[["cell", *IDENTITY, "router_precision"]].iloc[0].to_dict()
    row |= {"n": len(finished), "n_failed": len(cell) - len(finished), "failures": by_seed(cell)}
    row |= {"runs": " ".join(cell.run), "margin": WANTED}
    if finished.empty:
        return row
    twins = exact.set_index("trained_run").loc[finished.trained_run]
    found = bits_per_byte_difference(
        stories.nats(finished.run), stories.nats(twins.run), stories.bytes(twins.run)
    )
    row |= {"bits_per_byte_fp32": twins.bits_per_byte.mean(), **columns(CHANGE, found.interval)}
    row |= {f"{CHANGE}_low90": found.interval90.low, f"{CHANGE}_high90": found.interval90.high}
    if len(finished) > 1:
        row["equivalent"] = equivalent(found.interval90, WANTED)
    for key in MEANS[1:]:
        row |= columns(key, mean_interval(finished[key]))
    return row


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "folder", "out")
    given = arguments.parse_args()
    runs, stories = pd.read_csv(given.table), Stories(given.folder)
    rows = [
        arm_row(
            cell[cell.router_precision.eq(precision)],
            cell[cell.router_precision.eq("fp32")],
            stories,
        )
        for _, cell in runs.groupby("cell", sort=False)
        for precision in ROUNDED
    ]
    known = ["cell", *IDENTITY, "router_precision", "n", "n_failed", "failures", "runs", "margin"]
    arms = pd.DataFrame(rows, columns=None if rows else known)
    expected = [f"{key}{end}" for key in MEANS for end in ("", "_low", "_high")]
    expected += ["bits_per_byte_fp32", f"{CHANGE}_low90", f"{CHANGE}_high90", "equivalent"]
    arms = arms.reindex(columns=list(dict.fromkeys([*arms, *expected])))
    write_atomic(given.out, arms.to_csv(index=False))


if __name__ == "__main__":
    run(main)
