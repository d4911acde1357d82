"""Expert usage: share of test images whose first choice an expert is, busiest first, by arm."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from moe_core.failures import brief
from moe_core.figures.style import look, save, say
from workflow_scripts.command import run
from workflow_scripts.vision_figure import arms, options, panels

COLUMNS = 5


def sorted_shares(runs: pd.DataFrame) -> np.ndarray:
    """shares_RE of the runs that finished, each sorted by itself: an expert's number means
    nothing across seeds."""
    loads = [np.array(text.split(), dtype=float) for text in runs.expert_load.dropna()]
    return np.sort(np.stack(loads))[:, ::-1]


def draw(axes: Axes, runs: pd.DataFrame) -> None:
    """Bars are means, whiskers the range over seeds; dashed: an even share."""
    shares_RE = sorted_shares(runs)
    mean_E = shares_RE.mean(0)
    ends = [mean_E - shares_RE.min(0), shares_RE.max(0) - mean_E]
    color = look(runs.strategy.iloc[0]).color
    place_E = np.arange(1, len(mean_E) + 1)
    axes.bar(place_E, mean_E, color=color, width=0.8, alpha=0.75)
    if len(shares_RE) > 1:
        axes.errorbar(place_E, mean_E, yerr=ends, fmt="none", ecolor="0.2", elinewidth=0.7)
    axes.axhline(1 / len(mean_E), color="black", lw=0.7, ls="--")
    axes.set_xticks(place_E[:: max(1, len(place_E) // 8)])
    axes.tick_params(labelsize=6)


def main() -> None:
    given = options(__doc__)
    runs = pd.read_csv(*given.table)
    routed = runs[runs.balance.notna()]
    routed = routed[routed.num_experts.eq(routed.num_experts.max())]
    found = arms(routed)
    figure, axes = panels(found, COLUMNS, 1.25, sharey=True)
    for own, arm in zip(axes.flat, found.itertuples(), strict=False):
        if arm.n:
            draw(own, routed[routed.cell.eq(arm.cell) & routed.status.eq("finished")])
        else:
            say(own, f"failed: {brief(arm.failure)}")
    if found.empty:
        say(axes[0][0], "no run to draw: no run routes images")
    else:
        axes[0][0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes[0][0].set_ylim(bottom=0)
        figure.supxlabel("experts, the one most often chosen first on the left", fontsize=7)
        figure.supylabel("share of images", fontsize=7)
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
