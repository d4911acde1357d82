"""Stability: whether routers of other seeds and strategies part the same tokens alike."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from moe_core.figures.order import order
from moe_core.figures.panels import read
from moe_core.figures.style import (
    PAGE_INCHES,
    SHADES,
    note_failed,
    save,
    say,
    use_print_style,
    write_in_cells,
)
from workflow_scripts.columns import ROUTERS
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

AGREEMENT = "adjusted_mutual_information"
NUMBERS = 16  # labels: with more, the cells are too small to write in


def both_ways(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair from both sides, and whether both are seeds of one cell."""
    swapped = {}
    for column in pairs:
        stem, _, side = column.rpartition("_")
        swapped[column] = f"{stem}_{'b' if side == 'a' else 'a'}" if side in "ab" else column
    table = pd.concat([pairs, pairs.rename(columns=swapped)])
    return table.assign(same=table.cell_a.eq(table.cell_b))


def matrix(pairs: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Mean over layers and pairs; the diagonal: seeds of one cell."""
    kept = pairs[pairs.same | pairs.label_a.ne(pairs.label_b)]
    means = kept.pivot_table(AGREEMENT, "label_a", "label_b")
    return means.reindex(index=labels, columns=labels)


def compared(pairs: pd.DataFrame) -> str:
    """Means over pairs of one arm, and over those of two; each pair is there from both sides."""
    told = []
    for name, same in (("same arm", True), ("others", False)):
        rows = pairs[pairs.same.eq(same)]
        n = len(rows[["run_a", "run_b"]].drop_duplicates()) // 2
        told.append(f"{name} {100 * rows[AGREEMENT].mean():.0f} ({n} pairs)" if n else f"no {name}")
    return ", ".join(told)


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of each label that finished, and that failed, which have no second run."""
    sides = [table[[f"label_{side}", f"run_{side}", "failure"]] for side in "ab"]
    runs = pd.concat([side.set_axis(["name", "run", "failure"], axis=1) for side in sides])
    runs = runs.dropna(subset="run").drop_duplicates("run").assign(lost=lambda r: r.failure.notna())
    found = runs.groupby("name", sort=False).lost.agg(n_failed="sum", every="size").reset_index()
    return found.assign(n=found.every - found.n_failed)


def draw(axes: Axes, table: pd.DataFrame, top: float) -> QuadMesh:
    """A heat map with its numbers in hundredths."""
    values = np.ma.masked_invalid(table.to_numpy())
    mesh = axes.pcolormesh(values, cmap=SHADES, vmin=0, vmax=top)
    if len(table) <= NUMBERS:
        write_in_cells(axes, table.to_numpy(), top, "{:.0f}", 6)
    for place in range(len(table)):
        axes.add_patch(plt.Rectangle((place, place), 1, 1, fill=False, lw=0.8, ec="black"))
    axes.set_ylim(len(table), 0)
    axes.set_xticks(np.arange(len(table)) + 0.5, table.columns, rotation=90, fontsize=6.5)
    axes.tick_params(length=0, pad=2)
    return mesh


def main() -> None:
    given = options(__doc__)
    pairs = read(given.table)
    one, other = (pairs[f"strategy_{side}"].isin(given.strategies) for side in "ab")
    known = counts(pairs[one & (other | pairs.run_b.isna())])
    pairs = both_ways(pairs[one & other])
    names = pairs.drop_duplicates("label_a").groupby("strategy_a", sort=False).label_a.agg(sorted)
    labels = [label for strategy in order(list(names.index)) for label in names[strategy]]
    use_print_style()
    figure, axes = plt.subplots(
        1, len(ROUTERS), figsize=(PAGE_INCHES, 1.6 + 0.17 * max(len(labels), 3))
    )
    note_failed(figure, known)
    if pairs.empty:
        axes[1].set_axis_off()
        say(axes[0], "no two runs of different seeds with a learned router finished")
        save(figure, given.pdf, given.png, given.table)
        return
    tables = [matrix(pairs[pairs.router.eq(router)], labels) for router in ROUTERS]
    top = max(0.05, *(table.max(axis=None) for table in tables))
    for place, (own, router, table) in enumerate(zip(axes, ROUTERS, tables, strict=True)):
        mesh = draw(own, table, top)
        own.set_title(f"{router}\n{compared(pairs[pairs.router.eq(router)])}", fontsize=7.5)
        own.set_yticks(np.arange(len(labels)) + 0.5, labels if place == 0 else [], fontsize=6.5)
    bar = figure.colorbar(mesh, ax=list(axes), pad=0.01)
    bar.set_label("adjusted mutual information", fontsize=7)
    bar.ax.tick_params(labelsize=6)
    figure.supxlabel("numbers: hundredths; squares: other seeds of the same arm", fontsize=7)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
