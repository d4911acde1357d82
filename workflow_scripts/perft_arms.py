"""One row an arm of adapters: means over paired seeds with 95 % intervals, less the base alone.

Intervals of bits and accuracy are two-level, over seeds and what is tested on; of the others over
seeds alone.
"""

import numpy as np
import pandas as pd

from moe_core.failures import by_seed
from moe_core.provenance import write_atomic
from moe_core.stats.bootstrap import bits_per_byte
from moe_core.stats.intervals import mean_interval
from moe_core.stats.power import detectable
from workflow_scripts.aggregate import Stories, columns
from workflow_scripts.command import parser, path_argument, run

IDENTITY = [
    "strategy",
    "label",
    "rank",
    "num_adapters",
    "top_k",
    "matched_trainable",
    "matched_active",
    "task",
    "learning_rate",
    "steps",
]
PARAMETERS = ["params_trainable", "params_trainable_active", "params_base", "params_base_active"]
OVER_SEEDS = [
    "bits_per_byte_at_capacity",
    "drop_rate",
    "load_cv",
    "max_vio",
    "gini",
    "dead_experts",
    "router_entropy_nats",
    "marginal_entropy_nats",
]


def accuracy(correct_RN: np.ndarray) -> dict[str, float]:
    """Share of questions answered, over seeds and questions as bits per byte are."""
    ones_N = np.ones(correct_RN.shape[1])
    return columns("accuracy", bits_per_byte(correct_RN * np.log(2), ones_N))


def arm_row(name: str, arm: pd.DataFrame, base: pd.Series, stories: Stories) -> dict:
    """Aggregate of one arm; base: bits of the base alone by seed."""
    finished = arm[arm.status.eq("finished")]
    row = {"cell": name, **arm[IDENTITY].iloc[0].to_dict(), "n": len(finished)}
    row |= {"n_failed": len(arm) - len(finished), "failures": by_seed(arm)}
    row |= {"runs": " ".join(arm.run), "bits_per_byte_base": base.mean()}
    if finished.empty:
        return row
    quality = bits_per_byte(stories.nats(finished.run), stories.bytes(finished.run))
    row |= columns("bits_per_byte", quality) | {"bits_per_byte_detectable": detectable(quality)}
    row |= finished[PARAMETERS].iloc[0].to_dict()
    row["trainable_share_active"] = row["params_trainable_active"] / row["params_base_active"]
    gaps = (finished.set_index("seed").bits_per_byte - base).dropna()
    row["bits_per_byte_minus_base_n"] = len(gaps)
    if len(gaps):
        row |= columns("bits_per_byte_minus_base", mean_interval(gaps))
    if "correct" in stories.table(finished.run.iloc[0]):
        row |= accuracy(stories.nats(finished.run, "correct"))
        row["chance_accuracy"] = finished.chance_accuracy.iloc[0]
    for key in OVER_SEEDS:
        values = finished[key].dropna()
        if len(values):
            row |= columns(key, mean_interval(values))
    return row


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "runs", "out")
    given = arguments.parse_args()
    table = pd.read_csv(given.table)
    read = table[table.bits_per_byte_base.notna()].drop_duplicates("seed").set_index("seed")
    stories = Stories(given.runs)
    rows = [
        arm_row(str(name), arm, read.bits_per_byte_base, stories)
        for name, arm in table.groupby("cell", sort=False)
    ]
    arms = pd.DataFrame(rows)
    means = ["bits_per_byte", "bits_per_byte_minus_base", "accuracy", *OVER_SEEDS]
    expected = [f"{key}{end}" for key in means for end in ("", "_low", "_high")]
    expected += [*PARAMETERS, "trainable_share_active", "chance_accuracy"]
    arms = arms.reindex(columns=list(dict.fromkeys([*arms, *expected])))
    write_atomic(given.out, arms.to_csv(index=False))


if __name__ == "__main__":
    run(main)
