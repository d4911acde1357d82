"""Validation loss of each expert on the images that choose it first, by what balances the gate."""

from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from moe_core.failures import brief
from moe_core.figures.style import save, say
from workflow_scripts.command import run
from workflow_scripts.vision_figure import (
    arms,
    balanced_runs,
    first_finished,
    options,
    panels,
)

COLUMNS = 3
THIN, THICK = 0.3, 5.0  # points, of a share of 0 and of 1


def by_expert(metrics: pd.DataFrame, name: str) -> np.ndarray:
    """A row an evaluation, a column an expert; nan where an expert had no image."""
    return np.array(metrics[name].to_list(), dtype=float)


def draw(axes: Axes, metrics: pd.DataFrame) -> None:
    """A line an expert, as wide as its share of images; in black the loss over all."""
    steps = metrics.step.to_numpy()
    loss_NE, load_NE = by_expert(metrics, "expert_loss"), by_expert(metrics, "expert_load")
    colors = sns.husl_palette(loss_NE.shape[1], l=0.6)
    for color, loss_N, load_N in zip(colors, loss_NE.T, load_NE.T, strict=True):
        points = np.column_stack([steps, loss_N])
        widths = THIN + (THICK - THIN) * (load_N[1:] + load_N[:-1]) / 2
        segments = np.stack([points[:-1], points[1:]], axis=1)
        there = np.isfinite(segments).all((1, 2))
        axes.add_collection(
            LineCollection(
                list(segments[there]), linewidths=widths[there], colors=[color], alpha=0.85
            )
        )
        # an expert that came and went between two evaluations has no line
        area = (1.2 + 4 * np.sqrt(load_N)) ** 2
        axes.scatter(steps, loss_N, s=area, color=color, linewidths=0, alpha=0.85)
    axes.plot(steps, metrics.loss, color="black", lw=1.2, zorder=3)
    axes.tick_params(labelsize=6)


def main() -> None:
    given = options(__doc__)
    summary, *metrics = given.table
    runs = balanced_runs(pd.read_csv(summary), given.balanced)
    of_run: dict[str, Path] = {path.parent.name: path for path in metrics}
    first = first_finished(runs).set_index("cell").run
    found = arms(runs)
    figure, axes = panels(found, COLUMNS, 1.7, sharex=True, sharey=True)
    for own, arm in zip(axes.flat, found.itertuples(), strict=False):
        if arm.n:
            draw(own, pd.read_json(of_run[first[arm.cell]], lines=True))
        else:
            say(own, f"failed: {brief(arm.failure)}")
    if found.empty:
        say(axes[0][0], "no run to draw: none of the mixture whose balance is compared")
    else:
        figure.supxlabel("steps", fontsize=7)
        figure.supylabel("validation loss (nats)", fontsize=7)
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
