"""Routing summary: share of all test tokens' assignments by expert and strategy."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from moe_core.figures.panels import Panel, by_load, note_failed_of, panels, read
from moe_core.figures.style import (
    PAGE_INCHES,
    SHADES,
    save,
    say,
    use_print_style,
    write_in_cells,
)
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

NUMBERS = 16  # experts: with more, the cells are too small to write in


def shares(panel: Panel) -> np.ndarray:
    """Mean share of the busiest expert, the next, …, over layers and seeds: (E,)."""
    return by_load(panel.rows).groupby("rank").share.mean().to_numpy()


def draw(figure: Figure, axes: Axes, found: list[Panel]) -> None:
    """A row a strategy, a column an expert."""
    share_SE = np.stack([shares(panel) for panel in found])
    uniform = 1 / share_SE.shape[1]
    mesh = axes.pcolormesh(share_SE, cmap=SHADES, vmin=0, edgecolor="white", lw=0.3)
    if share_SE.shape[1] <= NUMBERS:
        write_in_cells(axes, share_SE, share_SE.max(), "{:.1f}", 6.5)
    axes.set_yticks(np.arange(len(found)) + 0.5, [panel.counted for panel in found], fontsize=7)
    axes.set_ylim(len(found), 0)
    step = max(1, share_SE.shape[1] // NUMBERS)
    places = np.arange(0, share_SE.shape[1], step)
    axes.set_xticks(places + 0.5, places + 1, fontsize=7)
    axes.tick_params(length=0)
    axes.set_xlabel("experts of a layer, the busiest first")
    bar = figure.colorbar(mesh, ax=axes, format=PercentFormatter(1, decimals=0), pad=0.02)
    bar.set_label(f"share of assignments (uniform: {uniform:.1%})", fontsize=7)
    bar.ax.tick_params(labelsize=6)
    bar.ax.axhline(uniform, color="black", lw=1)


def main() -> None:
    given = options(__doc__)
    table = read(given.table)
    found = panels(table[table.router.ne("untrained")], given.strategies, given.tokens)
    finished = [panel for panel in found if len(panel.rows)]
    use_print_style()
    figure, axes = plt.subplots(figsize=(PAGE_INCHES, 1 + 0.19 * max(len(finished), 3)))
    note_failed_of(figure, found)
    if finished:
        draw(figure, axes, finished)
    else:
        say(axes, "no run to draw: none of the strategies has rows in the table")
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
