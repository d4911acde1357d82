"""Class preference: which expert the tokens of each class choose first, trained and untrained."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.ticker import PercentFormatter

from moe_core.figures.panels import grid, panels, read
from moe_core.figures.style import SHADES, save, use_print_style
from workflow_scripts.columns import ROUTERS
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

COLUMNS = 7


def preference(rows: pd.DataFrame) -> pd.DataFrame:
    """primary_share, a row a class, a column an expert, the one most often chosen first."""
    load = rows.groupby("expert").primary.sum().sort_values(ascending=False, kind="stable")
    table = rows.pivot_table("primary_share", "token_class", "expert", dropna=False, sort=False)
    return table[load.index].rename(columns=int)


def draw(axes: Axes, rows: pd.DataFrame, names: bool) -> QuadMesh:
    """A heat map; names: of the classes, with how many tokens each has."""
    table = preference(rows)
    mesh = axes.pcolormesh(table.to_numpy(), cmap=SHADES, vmin=0, vmax=1, rasterized=True)
    counts = rows.drop_duplicates("token_class").set_index("token_class").num_tokens
    labels = [f"{name} ({counts[name]:,.0f})" for name in table.index] if names else []
    places = np.arange(len(table)) + 0.5
    axes.set_yticks(places if names else [], labels, fontsize=6)
    axes.set_ylim(len(table), 0)
    step = max(1, len(table.columns) // 8)
    axes.set_xticks(np.arange(0, len(table.columns), step) + 0.5)
    axes.set_xticklabels(table.columns[::step], fontsize=6)
    axes.tick_params(length=0, pad=1)
    return mesh


def main() -> None:
    given = options(__doc__)
    found = panels(read(given.table), given.strategies, given.tokens)
    use_print_style()
    figure, placed = grid(found, columns=COLUMNS, row_inches=1.15, rows_of_a_panel=len(ROUTERS))
    mesh, drawn = None, []
    for place, (panel, own) in enumerate(zip(found, placed, strict=True)):
        for router, axes in zip(ROUTERS, own, strict=True):
            if panel.rows.empty:
                continue
            rows = panel.one_layer()
            first = not any(len(p.rows) for p in found[place - place % COLUMNS : place])
            mesh = draw(axes, rows[rows.router.eq(router)], names=first)
            if first:
                axes.set_ylabel(router, fontsize=7)
            drawn.append(axes)
    if mesh:
        bar = figure.colorbar(mesh, ax=drawn, format=PercentFormatter(1), pad=0.01, aspect=40)
        bar.set_label("of the tokens of a class", fontsize=7)
        bar.ax.tick_params(labelsize=6)
        figure.supxlabel("expert, the one most often chosen first on the left", fontsize=7)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
