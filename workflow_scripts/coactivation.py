"""Co-activation: how often a token that has one expert also has another, against chance."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.ticker import PercentFormatter

from moe_core.figures.panels import grid, panels, read
from moe_core.figures.style import save, use_print_style
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options


def matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """P(column | row), the busiest expert first, nan on the diagonal."""
    own = rows[rows.expert.eq(rows.with_expert)].set_index("expert").num_tokens
    experts = own.sort_values(ascending=False, kind="stable").index
    shares = rows.pivot_table("share", "expert", "with_expert")
    shares = shares.loc[experts, experts].mask(np.eye(len(experts), dtype=bool))
    return shares.rename(index=int, columns=int)


def chance(rows: pd.DataFrame) -> float:
    """Share of a token's other experts that each gets where pairs are random: (K - 1) / (E - 1)."""
    return (rows.top_k.iloc[0] - 1) / (rows.num_experts.iloc[0] - 1)


def mean_share(rows: pd.DataFrame) -> float:
    """Mean over assignments of the share of the other experts that the token has as well.

    Where each token has K experts it is what chance gives; where K varies it may be more.
    """
    own = rows.expert.eq(rows.with_expert)
    others = rows.num_experts.iloc[0] - 1
    return rows[~own].num_tokens.sum() / (others * rows[own].num_tokens.sum())


def draw(axes: Axes, table: pd.DataFrame, norm: Normalize) -> QuadMesh:
    """A square of experts; the diagonal is struck."""
    mesh = axes.pcolormesh(table.to_numpy(), cmap="viridis_r", norm=norm, rasterized=True)
    axes.plot([0, len(table)], [0, len(table)], color="0.4", lw=0.6)
    axes.set_aspect("equal")
    step = max(1, len(table) // 8)
    places = np.arange(0, len(table), step) + 0.5
    axes.set_xticks(places, table.columns[::step], fontsize=6)
    axes.set_yticks(places, table.index[::step], fontsize=6)
    axes.set_ylim(len(table), 0)
    axes.tick_params(length=0, pad=1)
    return mesh


def main() -> None:
    given = options(__doc__)
    table = read(given.table)
    found = panels(table[table.router.ne("untrained")], given.strategies, given.tokens)
    use_print_style()
    figure, placed = grid(found, columns=4, row_inches=1.7)
    matrices = [matrix(p.one_layer()) if len(p.rows) else pd.DataFrame() for p in found]
    finished = [panel.one_layer() for panel in found if len(panel.rows)]
    if finished:
        centre = chance(finished[0])
        top = max(table.max(axis=None) for table in matrices if len(table))
        # of one expert a token chance gives no company
        norm = TwoSlopeNorm(centre, 0, max(top, 2 * centre)) if centre else Normalize(0, top)
        drawn = [axes for (axes,), table in zip(placed, matrices, strict=True) if len(table)]
        for panel, (axes,), shares in zip(found, placed, matrices, strict=True):
            if len(shares):
                mesh = draw(axes, shares, norm)
                axes.set_xlabel(f"mean {mean_share(panel.one_layer()):.1%}", fontsize=6)
        bar = figure.colorbar(mesh, ax=drawn, format=PercentFormatter(1, decimals=0), pad=0.01)
        bar.set_label(f"share of tokens (chance: {centre:.1%})", fontsize=7)
        bar.ax.tick_params(labelsize=6)
        bar.ax.axhline(centre, color="black", lw=1)
        figure.supylabel("tokens that have this expert, the busiest at the top", fontsize=7)
        figure.supxlabel("… also have this one", fontsize=7)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
