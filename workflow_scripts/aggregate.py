"""One row a cell: means over paired seeds with 95 % intervals, and differences to dense.

Seeds that failed are counted and named: means over the others make a cell look better than it is.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from moe_core.failures import by_seed
from moe_core.provenance import write_atomic
from moe_core.stats.bootstrap import bits_per_byte, bits_per_byte_difference
from moe_core.stats.holm import holm
from moe_core.stats.intervals import Interval, mean_interval
from moe_core.stats.power import detectable, seeds_needed
from workflow_scripts.columns import MEASURES
from workflow_scripts.command import parser, path_argument, run

WANTED = 0.01  # bits per byte: the smallest effect of interest
IDENTITY = [
    "strategy",
    "label",
    "causal",
    "control",
    "router",
    "num_experts",
    "top_k",
    "capacity_factor",
    "shared_hidden",
    "jitter",
    "bias_rate",
    "ffn_hidden",
    "dense_width",
    "dim",
    "tokens",
    "switch_coef",
    "balance_sequences",
    "learning_rate",
    "steps",
]
OVER_SEEDS = [
    *MEASURES,
    "drop_rate_excess",
    "router_saturation_halfway",
    "steps_to_target",
    "valid_bits_per_byte",
]
PER_SHAPE = [
    "tokens_per_s",
    "tokens_per_s_min",
    "tokens_per_s_max",
    "matmul_peak_flops",
    "mfu",
    "params_total",
    "train_flops_per_token",
]


class Stories:
    """Nats of each test story by run, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tables = folder, dict[str, pd.DataFrame]()

    def table(self, run_name: str) -> pd.DataFrame:
        if run_name not in self.tables:
            self.tables[run_name] = pd.read_csv(self.folder / run_name / "stories.csv")
        return self.tables[run_name]

    def nats(self, runs: pd.Series, column: str = "nats") -> np.ndarray:
        """Seeds by stories."""
        return np.stack([self.table(name)[column].to_numpy() for name in runs])

    def bytes(self, runs: pd.Series) -> np.ndarray:
        """UTF-8 bytes of each story."""
        return self.table(runs.iloc[0])["bytes"].to_numpy()


def columns(name: str, interval: Interval) -> dict[str, float]:
    """A mean and the ends of its interval."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def dense_twins(runs: pd.DataFrame, cell: pd.DataFrame) -> pd.DataFrame:
    """Each run of a cell beside the dense run of its seed, text, width and active FLOPs.

    ``failed`` where either is. Empty where a seed has several such dense runs, as where learning
    rates are tuned.
    """
    first = cell.iloc[0]
    same = (
        runs.strategy.eq("dense")
        & runs.ffn_hidden.eq(first.dense_width)
        & runs.dim.eq(first.dim)
        & runs.tokens.eq(first.tokens)
        & runs.steps.eq(first.steps)
    )
    dense = runs[same]
    if dense.seed.duplicated().any():
        dense = dense.iloc[:0]
    twins = cell.merge(dense[["seed", "run", "status"]], on="seed", suffixes=("", "_dense"))
    return twins.assign(failed=twins.status.eq("failed") | twins.status_dense.eq("failed"))


def difference_columns(runs: pd.DataFrame, cell: pd.DataFrame, stories: Stories) -> dict:
    """Bits per byte less dense, paired by seed and story, and what could have been detected."""
    name, twins = "bits_per_byte_minus_dense", dense_twins(runs, cell)
    if twins.empty or cell.strategy.iloc[0] == "dense":
        return {}
    counts = {f"{name}_n": int((~twins.failed).sum()), f"{name}_n_failed": int(twins.failed.sum())}
    twins = twins[~twins.failed]
    if twins.empty:
        return counts
    nats, dense = stories.nats(twins.run), stories.nats(twins.run_dense)
    weight = stories.bytes(twins.run)
    found = bits_per_byte_difference(nats, dense, weight)
    gaps = (nats - dense).sum(1) / (np.log(2) * weight.sum())
    several = len(gaps) > 1
    power = {
        f"{name}_p": found.p_value,
        f"{name}_detectable": detectable(found.interval),
        f"{name}_seeds_for_{WANTED:g}": seeds_needed(gaps.std(ddof=1), WANTED) if several else None,
    }
    return counts | columns(name, found.interval) | power


def cell_row(runs: pd.DataFrame, name: str, cell: pd.DataFrame, stories: Stories) -> dict:
    """Aggregate of one cell. Loads are means of runs; speed is per shape."""
    finished = cell[cell.status.eq("finished")]
    row = {"cell": name, **cell[IDENTITY].iloc[0].to_dict(), "n": len(finished)}
    row |= {"n_failed": len(cell) - len(finished), "failures": by_seed(cell)}
    if cell.run.isna().any():  # the n-gram, fitted once
        return row | {"bits_per_byte": cell.bits_per_byte.iloc[0]}
    row |= difference_columns(runs, cell, stories)
    if finished.empty:
        return row
    nats, weight = stories.nats(finished.run), stories.bytes(finished.run)
    row |= columns("bits_per_byte", bits_per_byte(nats, weight))
    train_mode = stories.nats(finished.run, "nats_train_mode")
    premium = bits_per_byte_difference(nats, train_mode, weight).interval
    row |= columns("leak_premium", premium) if cell.strategy.iloc[0] != "dense" else {}
    for key in OVER_SEEDS:
        values = finished[key].dropna()
        if len(values):
            row |= columns(key, mean_interval(values))
    return row | finished[PER_SHAPE].iloc[0].to_dict()


def origin(runs: pd.DataFrame, cell: pd.DataFrame) -> dict[str, str]:
    """Ids of a cell's runs, and of the dense runs that it is less of."""
    dense = [] if cell.strategy.iloc[0] == "dense" else dense_twins(runs, cell).run_dense
    return {"runs": " ".join(cell.run.dropna()), "runs_dense": " ".join(dense)}


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "summary", "runs", "out")
    given = arguments.parse_args()
    runs = pd.read_csv(given.summary)
    stories = Stories(given.runs)
    cells = runs.groupby(["cell", "tokens"], sort=False)
    table = pd.DataFrame(
        [cell_row(runs, str(name), cell, stories) | origin(runs, cell) for (name, _), cell in cells]
    )
    # every column, whether or not this experiment has cells that fill it
    difference = "bits_per_byte_minus_dense"
    p_value = f"{difference}_p"
    means = ["bits_per_byte", *OVER_SEEDS, "leak_premium", difference]
    expected = [f"{key}{end}" for key in means for end in ("", "_low", "_high")]
    expected += [f"{difference}{end}" for end in ("_n", "_n_failed", "_p", "_detectable")]
    table = table.reindex(columns=list(dict.fromkeys([*table, *expected, *PER_SHAPE])))
    tested = table[p_value].notna()
    table.loc[tested, f"{p_value}_holm"] = holm(table.loc[tested, p_value])
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
