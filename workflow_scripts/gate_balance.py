"""Gate against balance: entropy of the softmax of router logits, and load CV, a point a cell."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from moe_core.figures.style import (
    COLUMN_INCHES,
    cell_label,
    look,
    marked,
    move_apart,
    note_failed,
    point_text,
    save,
    say,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run

X, Y = "load_cv", "router_entropy_nats"


def draw(axes: Axes, cells: pd.DataFrame) -> None:
    """Means with intervals, cut at what is possible, and the entropy where all logits are equal."""
    uniform = np.log(cells.num_experts.iloc[0])
    axes.axhline(uniform, color="0.6", lw=0.8, ls=":")
    axes.annotate(
        f"ln {cells.num_experts.iloc[0]:.0f}: all experts alike",
        (1, uniform),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=6,
        color="0.35",
    )
    labels = []
    for _, cell in cells.iterrows():
        style = look(cell.strategy)
        ends = [
            [[cell[key] - max(cell[f"{key}_low"], 0)], [cell[f"{key}_high"] - cell[key]]]
            for key in (X, Y)
        ]
        axes.errorbar(
            cell[X],
            cell[Y],
            xerr=np.nan_to_num(ends[0]),
            yerr=np.nan_to_num(ends[1]),
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=5,
            elinewidth=0.5,
        )
        labels.append(point_text(axes, cell[X], cell[Y], cell.name_drawn, style.color))
    axes.set_ylim(max(0, cells[Y].min() - 0.3), uniform + 0.15)
    axes.set_xlim(-0.05 * cells[X].max(), 1.25 * cells[X].max() + 0.05)
    axes.set(xlabel="load CV", ylabel="entropy of softmax(router logits) (nats)")
    move_apart(axes, labels, cells[X].to_list(), cells[Y].to_list())


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    cells = pd.read_csv(given.table)
    cells = cells[cells.num_experts.notna() & cells.shared_hidden.eq(0) & ~cells.control].copy()
    several = len(cells.capacity_factor.unique()) > 1
    names = [cell_label(cell, several) for _, cell in cells.iterrows()]
    cells = cells.assign(name=names, name_drawn=list(map(marked, names, cells.n_failed)))
    finished = cells[cells[X].notna()]
    gated, plain = finished[finished[Y].notna()], finished[finished[Y].isna()]
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 3.2))
    note_failed(figure, cells)
    if len(gated):
        draw(axes, gated)
    else:
        say(axes, "no run with a router finished")
    if len(plain):
        told = (f"{cell.name_drawn} (load CV {cell[X]:.2f})" for _, cell in plain.iterrows())
        axes.set_title(f"without a gate: {', '.join(told)}", fontsize=6, loc="left")
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
