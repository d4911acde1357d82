"""One row a run and router precision: bits per byte, choices changed; and the counts of flips."""

import numpy as np
import pandas as pd

from moe_core.analysis.flip_columns import COLUMNS, KINDS
from moe_core.provenance import write_atomic
from moe_core.routing.router_net import ROUTER_PRECISIONS
from workflow_scripts.aggregate import IDENTITY, Stories
from workflow_scripts.command import parser, path_argument, run

SHARES = {
    "assignments_changed": "assignments",
    "first_changed": "decisions",
    "set_changed": "decisions",
}


OF_RUN = ("run", "cell", "strategy", "label", "seed")
# columns where no router of the study learns
NONE = ["cell", *IDENTITY, "seed", "status", "failure", "router_precision"]
NONE += ["bits_per_byte", "bits_per_byte_less_fp32", "trained_run", "run"]
NONE += [f"{key}_{kind}" for kind in KINDS for key in SHARES]


def shares(flips: pd.DataFrame) -> dict[str, float]:
    """Shares of what changed over all layers, by kind of change; none in float32."""
    found = {}
    for kind in KINDS:
        counts = flips[flips.kind.eq(kind)].sum(numeric_only=True)
        for key, of in SHARES.items():
            found[f"{key}_{kind}"] = counts[key] / counts[of] if len(flips) else 0.0
    return found


def run_rows(row: pd.Series, flips: pd.DataFrame, stories: Stories) -> list[dict[str, object]]:
    """The rows of one trained run, float32 first."""
    rows = []
    for precision in ROUTER_PRECISIONS:
        known = {"cell": row.cell, **row[[*IDENTITY, "seed", "status", "failure"]].to_dict()}
        known |= {"router_precision": precision}
        if row.status == "finished":
            read = stories.table(f"{row.run}@{precision}")
            bits = read.nats.to_numpy().sum() / (np.log(2) * read.bytes.sum())  # nan if any is
            exact = rows[0]["bits_per_byte"] if rows else bits
            known |= {"bits_per_byte": bits, "bits_per_byte_less_fp32": bits - exact}
            known |= shares(flips[flips.router_precision.eq(precision)])
            if not np.isfinite(bits):
                known |= {"status": "failed", "failure": f"overflow: routers in {precision}"}
        rows.append(known | {"trained_run": row.run, "run": f"{row.run}@{precision}"})
    return rows


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "summary", "folder", "out", "flips")
    arguments.add_argument("--runs", nargs="*", required=True, help="ids of runs")
    given = arguments.parse_args()
    summary = pd.read_csv(given.summary).set_index("run", drop=False)
    stories, rows, counts = Stories(given.folder), [], []
    for name in given.runs:
        row = summary.loc[name]
        flips = pd.read_csv(given.folder / name / "flips.csv")
        rows += run_rows(row, flips, stories)
        for place, key in enumerate(OF_RUN):
            flips.insert(place, key, row[key])
        counts.append(flips)
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=NONE)
    flips = pd.concat(counts) if counts else pd.DataFrame(columns=[*OF_RUN, *COLUMNS])
    write_atomic(given.out, table.to_csv(index=False))
    write_atomic(given.flips, flips.to_csv(index=False))


if __name__ == "__main__":
    run(main)
