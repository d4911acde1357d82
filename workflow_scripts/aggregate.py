"""One row a cell: means over paired seeds with 95 % intervals, and differences to dense."""

import pandas as pd

from moe_core.measure.stats import mean_interval
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

IDENTITY = [
    "strategy",
    "label",
    "causal",
    "num_experts",
    "top_k",
    "capacity_factor",
    "ffn_hidden",
    "dense_width",
]
OVER_SEEDS = [
    "bits_per_byte",
    "perplexity",
    "bits_per_byte_at_capacity",
    "drop_rate",
    "token_drop_rate",
    "load_cv",
    "max_vio",
    "dead_experts",
    "router_entropy_nats",
]
PER_SHAPE = [
    "tokens_per_s",
    "tokens_per_s_min",
    "tokens_per_s_max",
    "mfu",
    "params_total",
    "train_flops_per_token",
]


def difference_to_dense(runs: pd.DataFrame, cell: pd.DataFrame) -> pd.Series:
    """Bits per byte of each run less the dense model of the same seed and active FLOPs."""
    dense = runs[(runs.strategy == "dense") & runs.ffn_hidden.eq(cell.dense_width.iloc[0])]
    paired = cell.merge(dense, on="seed", suffixes=("", "_dense"))
    return paired.bits_per_byte - paired.bits_per_byte_dense


def cell_row(runs: pd.DataFrame, name: str, cell: pd.DataFrame) -> dict[str, object]:
    """Aggregate of one cell. Capacity-limited loads are means of runs; speed is per shape."""
    row: dict[str, object] = {"cell": name, **cell[IDENTITY].iloc[0].to_dict(), "n": len(cell)}
    measures = {key: cell[key] for key in OVER_SEEDS}
    if cell.strategy.iloc[0] not in ("dense", "ngram"):
        measures["bits_per_byte_minus_dense"] = difference_to_dense(runs, cell)
    for key in [*OVER_SEEDS, "bits_per_byte_minus_dense"]:
        values = measures.get(key, pd.Series(dtype=float)).dropna()
        if values.empty:
            row |= {key: None, f"{key}_low": None, f"{key}_high": None}
            continue
        interval = mean_interval(values)
        row |= {key: interval.mean, f"{key}_low": interval.low, f"{key}_high": interval.high}
    return row | cell[PER_SHAPE].iloc[0].to_dict()


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "summary", "out")
    given = arguments.parse_args()
    runs = pd.read_csv(given.summary)
    cells = runs.groupby("cell", sort=False)
    table = pd.DataFrame([cell_row(runs, str(name), cell) for name, cell in cells])
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
