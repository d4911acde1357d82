"""Routing heatmap: the experts and combine weights of 64 tokens of the test stories."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap

from moe_core.figures.excerpts import choices
from moe_core.figures.panels import grid, panels, read
from moe_core.figures.style import SHADES, save, use_print_style
from moe_core.figures.token_text import drawn
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

TOKENS = 64
# the lightest weight can be told from none
WEIGHTS = ListedColormap(colormaps[SHADES](np.linspace(0.2, 1, 256)))


def draw(axes: Axes, rows: pd.DataFrame, top: float) -> QuadMesh:
    """A column a token, a row an expert: darker is heavier; a cross: dropped."""
    num_experts = int(rows.num_experts.iloc[0])
    weights_EX = np.zeros((num_experts, len(rows)))
    dropped_A = []
    for column, (_, token) in enumerate(rows.iterrows()):
        for choice in choices(token):
            weights_EX[choice.expert, column] += choice.weight
            if choice.dropped:
                dropped_A.append((column + 0.5, choice.expert + 0.5))
    shown = np.ma.masked_equal(weights_EX, 0)
    mesh = axes.pcolormesh(shown, cmap=WEIGHTS, vmin=0, vmax=top, rasterized=True)
    if dropped_A:
        x, y = zip(*dropped_A, strict=True)
        axes.scatter(x, y, s=13, marker="x", color="white", lw=1.8)
        axes.scatter(x, y, s=9, marker="x", color="#c00000", lw=0.9)
    texts = [drawn(text) for text in rows.text]
    upright = max(map(len, texts)) == 1
    axes.set_xticks(np.arange(len(rows)) + 0.5, texts, fontsize=6, rotation=0 if upright else 90)
    for name in axes.get_xticklabels():
        name.set_parse_math(False)
    shown_experts = np.arange(0, num_experts, max(1, num_experts // 4))
    axes.set_yticks(shown_experts + 0.5, shown_experts, fontsize=6)
    axes.set_ylim(num_experts, 0)
    axes.tick_params(length=0, pad=1)
    return mesh


def main() -> None:
    given = options(__doc__)
    found = panels(read(given.table), given.strategies, given.tokens)
    excerpts = [
        panel.one_layer().sort_values("place").head(TOKENS) if len(panel.rows) else panel.rows
        for panel in found
    ]
    weights = [
        c.weight for rows in excerpts for _, token in rows.iterrows() for c in choices(token)
    ]
    characters = all(rows.text.map(drawn).str.len().eq(1).all() for rows in excerpts if len(rows))
    use_print_style()
    figure, placed = grid(found, columns=1, row_inches=1.05 if characters else 1.6)
    mesh = None
    for rows, (axes,) in zip(excerpts, placed, strict=True):
        if len(rows):
            mesh = draw(axes, rows, max(1, *weights))
    if mesh:
        drawn_axes = [axes for (axes,) in placed]
        bar = figure.colorbar(mesh, ax=drawn_axes, aspect=60, pad=0.01)
        bar.set_label("combine weight", fontsize=7)
        bar.ax.tick_params(labelsize=6)
        figure.supylabel("expert", fontsize=8)
        figure.supxlabel("tokens of a test story, in order; cross: dropped", fontsize=7)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
