"""Annotated frontier: operating regimes of the strategies, found by rule.

The frontier is that of the strategies alone. High throughput: its fastest point. Best quality: its
point of least bits per byte. Balanced: the point between them that lies furthest on the good side
of the line through both, each axis scaled to the range of the frontier.
"""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from moe_core.figures.regimes import BALANCED, BEST_QUALITY, HIGH_THROUGHPUT, pareto, regimes
from moe_core.figures.style import (
    PAGE_INCHES,
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
from workflow_scripts.frontier import point_label, speeds

TINTS = {HIGH_THROUGHPUT: "#c44e52", BALANCED: "#4c72b0", BEST_QUALITY: "#2e8b57"}


def annotate(axes: Axes, cells: pd.DataFrame, found: dict[str, int]) -> None:
    """A ring around the point of each regime, and its name above the axes where it stands."""
    for level, place in enumerate(dict.fromkeys(found.values())):
        cell, names = cells.iloc[place], [name for name in found if found[name] == place]
        tint, x = TINTS[names[-1]], cell.tokens_per_s / 1e3
        axes.axvline(x, color=tint, lw=0.6, ls=":", zorder=0)
        axes.scatter(x, cell.bits_per_byte, s=140, facecolor="none", edgecolor=tint, lw=1.3)
        axes.annotate(
            " and ".join(names),
            (x, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2 + 9 * level),  # of points that are close, names do not overlap
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7,
            fontweight="bold",
            color=tint,
        )


def overlapping(low: pd.Series, high: pd.Series, place: int) -> int:
    """How many other intervals overlap the one at a place."""
    return int(((low <= high.iloc[place]) & (high >= low.iloc[place])).sum()) - 1


def draw(axes: Axes, cells: pd.DataFrame) -> None:
    """Points, the band of the best one's interval, the frontier and its regimes."""
    kept = pareto(cells.tokens_per_s, cells.bits_per_byte)
    found = regimes(cells.tokens_per_s, cells.bits_per_byte)
    best = cells.iloc[found[BEST_QUALITY]]
    labels = []
    for _, cell in cells.iterrows():
        style, x, y = look(cell.strategy), cell.tokens_per_s / 1e3, cell.bits_per_byte
        color = "white" if style.hollow else style.color
        axes.plot(
            x,
            y,
            marker=style.marker,
            markersize=5,
            color=style.color,
            markerfacecolor=color,
            zorder=5,  # above the halo of names
        )
        labels.append(point_text(axes, x, y, cell.name_drawn, style.color))
    line = cells.iloc[kept]
    axes.plot(line.tokens_per_s / 1e3, line.bits_per_byte, color="0.75", lw=4, zorder=0)
    axes.margins(x=0.12, y=0.15)
    axes.set_ylim(axes.get_ylim())  # the band may reach further
    notes = []
    if pd.notna(best.bits_per_byte_low):
        band = (best.bits_per_byte_low, best.bits_per_byte_high)
        axes.axhspan(*band, color=TINTS[BEST_QUALITY], alpha=0.1, lw=0, zorder=-1)
        ends = cells.bits_per_byte_low, cells.bits_per_byte_high
        tied = overlapping(*ends, found[BEST_QUALITY])
        others = len(cells) - 1
        notes.append(
            f"band: 95 % interval of {best['name']}; those of {tied} of {others} others overlap it"
        )
    fastest = found[HIGH_THROUGHPUT]
    as_fast = overlapping(*speeds(cells), fastest)
    notes.append(
        f"{as_fast} of {len(cells) - 1} others may be as fast as {cells.iloc[fastest]['name']}: "
        "their ranges over repeats and the drift of the machine overlap its own"
    )
    if BALANCED not in found:
        notes.append("no strategy between the ends beats the line through them: none is balanced")
    usual = cells.top_k.mode().max()
    other = cells[cells.top_k != usual]
    if len(other):
        arms = ", ".join(f"{cell['name']} K = {cell.top_k:.0f}" for _, cell in other.iterrows())
        notes.append(f"active FLOPs differ: {arms}, the others K = {usual:.0f}")
    axes.figure.supxlabel("\n".join(notes), fontsize=6.5)
    annotate(axes, cells, found)
    axes.set(xlabel="training throughput (thousand tokens/s)", ylabel="test bits per byte")
    xs, ys = (cells.tokens_per_s / 1e3).to_list(), cells.bits_per_byte.to_list()
    move_apart(axes, labels, xs, ys)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    cells = pd.read_csv(given.table)
    cells = cells[~cells.control].copy()
    several = len(cells.capacity_factor.dropna().unique()) > 1
    names = [point_label(cell, given.table.parent.name, several) for _, cell in cells.iterrows()]
    cells = cells.assign(name=names, name_drawn=list(map(marked, names, cells.n_failed)))
    finished = cells[cells.bits_per_byte.notna()]
    use_print_style()
    figure, axes = plt.subplots(figsize=(PAGE_INCHES, 3.4))
    note_failed(figure, cells)
    if len(finished):
        draw(axes, finished)
    else:
        say(axes, "no run of a strategy finished")
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
