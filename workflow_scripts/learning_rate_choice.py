"""The best learning rate of each strategy on tuning seeds, and what its own rate costs."""

import math

import pandas as pd

from moe_core.failures import by_seed
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

TUNED = "valid_bits_per_byte"  # never the test stories, which the study is read on


def choice(arm: pd.DataFrame, factors: list[float], named_by: list[str]) -> dict[str, object]:
    """Best, own and edge of one arm; rates stand in the order of the factors.

    named_by: columns that an arm is known by.

    A rate at which any seed failed is not compared: the others would flatter it.
    """
    by_rate = arm.groupby("learning_rate")[TUNED].agg(lambda values: values.mean(skipna=False))
    own = by_rate.index[sorted(factors).index(1.0)]
    best = by_rate.idxmin() if by_rate.notna().any() else math.nan
    return {
        **{name: arm[name].iloc[0] for name in named_by},
        "learning_rate": own,
        "best_learning_rate": best,
        "best_on_edge": best in (by_rate.index[0], by_rate.index[-1]),
        TUNED: by_rate[own],
        f"best_{TUNED}": by_rate.min(),
        "regret_bits_per_byte": by_rate[own] - by_rate.min(),
        "tuning_seeds": arm.seed.nunique(),
        "steps": arm.steps.iloc[0],
        "failures": "; ".join(
            f"rate {rate:g}, {by_seed(runs)}"
            for rate, runs in arm[arm.status.eq("failed")].groupby("learning_rate")
        ),
    }


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "summary", "out")
    arguments.add_argument("--factors", type=float, nargs="+", required=True)
    arguments.add_argument("--named-by", nargs="+", required=True, help="columns of an arm")
    given = arguments.parse_args()
    runs = pd.read_csv(given.summary)
    arms = runs[runs.strategy != "ngram"].groupby(given.named_by, sort=False)
    table = pd.DataFrame([choice(arm, given.factors, given.named_by) for _, arm in arms])
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
