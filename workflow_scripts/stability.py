"""How far the routers of two runs part the same tokens alike: adjusted mutual information."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

from moe_core.analysis.recording import Ints, read_layers
from moe_core.provenance import write_atomic
from workflow_scripts.columns import ROUTERS
from workflow_scripts.command import parser, path_argument, run

TOKENS = 16_384  # at most: its chance level is slow to count on more
SIDE = ("run", "cell", "strategy", "label", "seed")


def first_choices(path: Path, num_experts: int) -> list[Ints]:
    """Expert of the largest weight of each token, by layer; num_experts where it has none."""
    return [layer.first_T[:TOKENS].astype(np.int16) for layer in read_layers(path, num_experts)]


def agreements(runs: list[pd.Series], chosen: dict[str, list[Ints]]) -> pd.DataFrame:
    """A row a layer and a pair of runs of different seeds; chosen: first choices of each run.

    One seed gives all strategies the same initial router: agreement within it is no finding.
    """
    rows = []
    for a, b in combinations(runs, 2):
        if a.seed == b.seed:
            continue
        for layer, (one_T, other_T) in enumerate(zip(chosen[a.run], chosen[b.run], strict=True)):
            score = adjusted_mutual_info_score(one_T, other_T)
            rows.append(
                [*(a[key] for key in SIDE), *(b[key] for key in SIDE), layer, score, len(one_T)]
            )
    sides = [f"{key}_{side}" for side in "ab" for key in SIDE]
    columns = [*sides, "layer", "adjusted_mutual_information", "num_tokens"]
    return pd.DataFrame(rows, columns=columns)


def failed(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows without a second run, of those that failed, and why."""
    lost = runs[runs.status.eq("failed")]
    return pd.DataFrame({**{f"{key}_a": lost[key] for key in SIDE}, "failure": lost.failure})


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", nargs="*", required=True, help="ids of runs")
    path_argument(arguments, "summary", "routing", "out")
    given = arguments.parse_args()
    summary = pd.read_csv(given.summary).set_index("run", drop=False)
    wanted = summary.loc[given.runs]
    runs = [row for _, row in wanted.iterrows() if row.status == "finished"]
    tables = [failed(wanted)]
    for router in ROUTERS:
        chosen = {
            row.run: first_choices(
                given.routing / row.run / f"{router}.parquet", int(row.num_experts)
            )
            for row in runs
        }
        tables.append(agreements(runs, chosen).assign(router=router))
    write_atomic(given.out, pd.concat(tables).to_csv(index=False))


if __name__ == "__main__":
    run(main)
