"""Expert load: share of assignments by expert, busiest first, mean over layers and seeds."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from moe_core.figures.panels import by_load, grid, panels, read
from moe_core.figures.style import look, save, use_print_style
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options


def draw(axes: Axes, strategy: str, rows: pd.DataFrame) -> None:
    """Bars with what was dropped hatched, a point a seed, and the uniform share."""
    layers = rows.groupby(["run", "layer"])
    totals = layers.assignments.transform("sum")
    ranked = by_load(rows).assign(dropped=(rows.assignments - rows.kept) / totals)
    by_seed = ranked.groupby(["seed", "rank"])[["share", "dropped"]].mean()
    mean = by_seed.groupby("rank").mean()
    color = look(strategy).color
    kept = mean.share - mean.dropped
    places = mean.index + 1
    axes.bar(places, kept, color=color, width=0.8, lw=0)
    axes.bar(
        places, mean.dropped, bottom=kept, color="white", edgecolor=color, hatch="/////", width=0.8
    )
    seeds = by_seed.reset_index()
    axes.scatter(seeds["rank"] + 1, seeds.share, s=4, color="black", lw=0, zorder=3)
    axes.axhline(1 / len(mean), color="0.4", lw=0.8, ls=":")
    load_cv = layers.assignments.agg(lambda load: load.std(ddof=0) / load.mean()).mean()
    drop_rate = layers.apply(lambda layer: 1 - layer.kept.sum() / layer.assignments.sum()).mean()
    axes.annotate(
        f"load CV {load_cv:.2f}\ndropped {drop_rate:.1%}\n{rows.run.nunique()} seeds",
        (0.98, 0.98),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize=6,
    )
    axes.set_xticks(np.unique(np.linspace(1, len(mean), min(len(mean), 8)).round()))
    axes.tick_params(labelsize=6)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def main() -> None:
    given = options(__doc__)
    table = read(given.table)
    found = panels(table[table.router.ne("untrained")], given.strategies, given.tokens)
    use_print_style()
    figure, placed = grid(found, columns=4, row_inches=1.5)
    drawn = [axes for panel, (axes,) in zip(found, placed, strict=True) if len(panel.rows)]
    for panel, (axes,) in zip(found, placed, strict=True):
        if len(panel.rows):
            draw(axes, panel.strategy, panel.rows)
    top = max((axes.get_ylim()[1] for axes in drawn), default=1)
    for axes in drawn:
        axes.set_ylim(0, 1.15 * top)
    if drawn:
        figure.supxlabel("experts of a layer, the busiest first", fontsize=8)
        figure.supylabel("share of assignments", fontsize=8)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
