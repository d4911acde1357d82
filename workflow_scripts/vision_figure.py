"""What the figures of the experiment on images share: options, arms in order, names of arms."""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from moe_core.figures.style import FAILED, PAGE_INCHES, marked, note_failed, use_print_style
from moe_core.vision.experiment import BALANCES, balance_name
from workflow_scripts.command import parser, path_argument


def options(description: str | None) -> Namespace:
    """table: files, in the order that the script names; balanced: the mixture that is balanced."""
    arguments = parser(description)
    arguments.add_argument("--table", type=Path, nargs="+", required=True)
    arguments.add_argument("--balanced", type=json.loads, required=True)
    path_argument(arguments, "pdf", "png")
    return arguments.parse_args()


def arms(runs: pd.DataFrame) -> pd.DataFrame:
    """A row an arm of runs of a summary: identity, name, n (finished), n_failed, failure."""
    found = []
    for cell, own in runs.groupby("cell", sort=False):
        first, failed = own.iloc[0], own[own.status.eq("failed")]
        told = [
            f"{first.label}, K={first.top_k:.0f}",
            balance_name(first.balance, first.balance_weight),
        ]
        name = marked("\n".join(filter(None, told)), len(failed))
        found.append(
            {
                **first.to_dict(),
                "cell": cell,
                "name": name,
                "n": len(own) - len(failed),
                "n_failed": len(failed),
                "failure": failed.failure.iloc[0] if len(failed) else None,
            }
        )
    columns = [*runs.columns, "name", "n", "n_failed"]
    return pd.DataFrame(found, columns=list(dict.fromkeys(columns)))


def panels(
    found: pd.DataFrame, most: int, height: float, **shared: bool
) -> tuple[Figure, np.ndarray]:
    """A titled panel an arm, at most so many in a band of so many inches; bands x columns axes."""
    use_print_style()
    columns = max(1, min(most, len(found)))
    bands = max(1, -(-len(found) // columns))
    size = (PAGE_INCHES, 0.5 + height * bands)
    figure, axes = plt.subplots(bands, columns, figsize=size, squeeze=False, **shared)
    note_failed_arms(figure, found)
    for own in axes.flat[len(found) :]:
        own.set_axis_off()
    for own, name in zip(axes.flat, found.name, strict=False):
        own.set_title(name, fontsize=6.5)
    return figure, axes


def note_failed_arms(figure: Figure, found: pd.DataFrame) -> None:
    """Above a figure, how many seeds of which arms failed, if any."""
    names = found.name.str.removesuffix(FAILED).str.replace("\n", ", ")
    note_failed(figure, found.assign(name=names))


def balanced_runs(summary: pd.DataFrame, mixture: dict) -> pd.DataFrame:
    """Runs of the mixture that is trained with each balance, in their order."""
    of_it = (
        summary.strategy.eq(mixture["strategy"])
        & summary.num_experts.eq(mixture["num_experts"])
        & summary.top_k.eq(mixture["top_k"])
        & summary.balance.isin(BALANCES)
    )
    place = {balance: i for i, balance in enumerate(BALANCES)}
    return summary[of_it].sort_values("balance", key=lambda b: b.map(place), kind="stable")


def first_finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Of each arm the run of the first seed that finished; none of an arm that has none."""
    finished = runs[runs.status.eq("finished")].sort_values("seed", kind="stable")
    first = finished.drop_duplicates("cell")
    return first.loc[[index for index in runs.index if index in first.index]]
