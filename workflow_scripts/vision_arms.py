"""One row an arm of image models: means over paired seeds, and less its dense twins.

95 % intervals of accuracy and bits are two-level, over seeds and images; others over seeds alone.
"""

import numpy as np
import pandas as pd

from moe_core.failures import by_seed
from moe_core.provenance import write_atomic
from moe_core.stats.bootstrap import bits_per_byte, bits_per_byte_difference
from moe_core.stats.holm import holm
from moe_core.stats.intervals import mean_interval
from moe_core.stats.power import detectable
from workflow_scripts.aggregate import Stories, columns
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.perft_arms import accuracy

IDENTITY = [
    "strategy",
    "label",
    "images",
    "num_experts",
    "top_k",
    "balance",
    "balance_weight",
    "channels",
    "dense_channels",
    "dense_channels_of_size",
    "control",
    "steps",
    "learning_rate",
]
OVER_SEEDS = [
    "accuracy_train_mode",
    "loss_nats",
    "leak_premium",
    "load_cv",
    "load_cv_causal",
    "max_vio",
    "gini",
    "dead_experts",
    "drop_rate",
    "assignments_per_token",
    "router_entropy_nats",
    "marginal_entropy_nats",
    "top1_margin",
]
COSTS = ["params_total", "params_active", "flops_active", "flops_total"]  # mean of seeds
# what an arm is less of, by the column that names the twin's channels
TWINS = {"dense": "dense_channels", "dense_of_size": "dense_channels_of_size"}
ENDS = ("", "_low", "_high")


def twin_runs(runs: pd.DataFrame, arm: pd.DataFrame, channels: str) -> pd.DataFrame:
    """Each run of an arm beside the dense run of its seed and those channels.

    ``failed`` where either is. Empty for dense models, which have no twin, and for a ResNet.
    """
    first = arm.iloc[0]
    dense = runs[runs.strategy.eq("dense") & runs.channels.eq(first[channels])]
    if first.strategy == "dense":
        dense = dense.iloc[:0]
    twins = arm.merge(dense[["seed", "run", "status"]], on="seed", suffixes=("", "_dense"))
    return twins.assign(failed=twins.status.eq("failed") | twins.status_dense.eq("failed"))


def difference_columns(name: str, twins: pd.DataFrame, stories: Stories) -> dict[str, object]:
    """Accuracy less that of the twin, paired by seed and image, and what could be detected."""
    if twins.empty:
        return {}
    counts = {f"{name}_n": int((~twins.failed).sum()), f"{name}_n_failed": int(twins.failed.sum())}
    twins = twins[~twins.failed]
    if twins.empty:
        return counts
    own, dense = stories.nats(twins.run, "correct"), stories.nats(twins.run_dense, "correct")
    # a share of images is a mean of "nats" in units of ln 2 of stories of one byte
    ones_N = np.ones(own.shape[1])
    found = bits_per_byte_difference(own * np.log(2), dense * np.log(2), ones_N)
    tested = {f"{name}_p": found.p_value, f"{name}_detectable": detectable(found.interval)}
    return counts | columns(name, found.interval) | tested


def arm_row(runs: pd.DataFrame, name: str, arm: pd.DataFrame, stories: Stories) -> dict:
    """Aggregate of one arm."""
    finished = arm[arm.status.eq("finished")]
    row = {"cell": name, **arm[IDENTITY].iloc[0].to_dict(), "n": len(finished)}
    row |= {"n_failed": len(arm) - len(finished), "failures": by_seed(arm)}
    row |= {"runs": " ".join(arm.run)}
    for twin, channels in TWINS.items():
        twins = twin_runs(runs, arm, channels)
        row |= {f"runs_{twin}": " ".join(twins.run_dense)}
        row |= difference_columns(f"accuracy_minus_{twin}", twins, stories)
    if finished.empty:
        return row
    row |= accuracy(stories.nats(finished.run, "correct"))
    quality = bits_per_byte(stories.nats(finished.run), stories.bytes(finished.run))
    row |= columns("bits_per_byte", quality)
    for key in OVER_SEEDS:
        values = finished[key].dropna()
        if len(values):
            row |= columns(key, mean_interval(values))
    costs = finished[COSTS].mean().to_dict()
    dense = runs[runs.strategy.eq("dense") & runs.channels.eq(arm.dense_channels.iloc[0])]
    # 1 within 1 %, but where experts choose: by the rule of an image alone their number varies
    return row | costs | {"flops_over_dense": costs["flops_active"] / dense.flops_active.mean()}


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "runs", "out")
    given = arguments.parse_args()
    runs = pd.read_csv(given.table)
    stories = Stories(given.runs)
    arms = pd.DataFrame(
        [arm_row(runs, str(name), arm, stories) for name, arm in runs.groupby("cell", sort=False)]
    )
    # every column, whether or not this experiment has arms that fill it
    differences = [f"accuracy_minus_{twin}" for twin in TWINS]
    expected = [f"{k}{end}" for k in ["accuracy", "bits_per_byte", *OVER_SEEDS] for end in ENDS]
    expected += [
        f"{k}{end}" for k in differences for end in (*ENDS, "_n", "_n_failed", "_p", "_detectable")
    ]
    arms = arms.reindex(columns=list(dict.fromkeys([*arms, *expected, *COSTS, "flops_over_dense"])))
    for difference in differences:
        arms[f"{difference}_p_holm"] = holm(arms[f"{difference}_p"].astype(float))
    write_atomic(given.out, arms.to_csv(index=False))


if __name__ == "__main__":
    run(main)
