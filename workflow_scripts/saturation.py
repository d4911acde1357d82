"""Saturation: share of a router's final choices already made, over training, and over seeds."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from moe_core.figures.order import order
from moe_core.figures.style import (
    COLUMN_INCHES,
    LineEnd,
    draw_curve,
    label_ends,
    look,
    marked,
    note_failed,
    save,
    say,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.overlay import arms

MEASURE = "router_saturation"


def draw(axes: Axes, metrics: pd.DataFrame) -> None:
    """Mean and range over seeds, a line a strategy; dotted: what chance gives for each K and E."""
    for share in sorted(metrics.chance.unique()):
        axes.axhline(share, color="0.5", lw=0.8, ls=":")
        axes.annotate(
            f"chance: K/E = {share:g}",
            (0.02, share),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize=6,
            color="0.35",
        )
    last = metrics.train_tokens.max()
    before = metrics[metrics.train_tokens < last].train_tokens.max()
    before = last if pd.isna(before) else before  # of runs that were looked at once
    ends = []
    for strategy in order(list(metrics.strategy)):
        style, own = look(strategy), metrics[metrics.strategy == strategy]
        by_step = own.groupby("train_tokens")[MEASURE]
        mean = by_step.mean()
        draw_curve(axes, mean.index / 1e3, by_step, style)
        # all end at 1, so that names point to the evaluation before
        ends.append(LineEnd(own.name_drawn.iloc[0], style.color, before / 1e3, mean[before]))
    axes.set(xlabel="training tokens (thousands)", ylabel="share of final choices already made")
    axes.set_ylim(0, 1.03)
    label_ends(axes, ends)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--table", type=Path, nargs="+", required=True, help="metrics.jsonl")
    path_argument(arguments, "pdf", "png")
    given = arguments.parse_args()
    table = arms(given.table)
    table = table[table.capacity_factor.eq(table.capacity_factor.max())]
    counts, measured = [], []
    for strategy, own in table.groupby("strategy"):
        label, failed = look(str(strategy)).label, int(own.failed.sum())
        counts.append((label, len(own) - failed, failed))
        for run_ in own[~own.failed].itertuples():
            metrics = pd.read_json(run_.path, lines=True)
            metrics = metrics.assign(
                strategy=strategy, name_drawn=marked(label, failed), chance=run_.chance
            )
            measured.append(metrics)
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 3.4))
    note_failed(figure, pd.DataFrame(counts, columns=["name", "n", "n_failed"]))
    if measured:
        draw(axes, pd.concat(measured))
    else:
        say(axes, "no run of a strategy finished")
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
