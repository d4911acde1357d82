"""Where the images of each class go: class by expert, trained and untrained, by balance."""

from itertools import pairwise
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import SubFigure
from matplotlib.ticker import PercentFormatter

from moe_core.failures import brief
from moe_core.figures.style import PAGE_INCHES, SHADES, save, say, use_print_style
from workflow_scripts.columns import ROUTERS
from workflow_scripts.command import run
from workflow_scripts.vision_figure import (
    arms,
    balanced_runs,
    first_finished,
    note_failed_arms,
    options,
)

SHOWN = ("none", "switch", "token_entropy")  # balances; else the first three
ROW_INCHES, LONGEST = 0.16, 9.6  # of a class, and of a figure


def table_of(counts: pd.DataFrame, num_experts: int) -> pd.DataFrame:
    """Images of one router, classes x experts."""
    table = counts.pivot_table(
        "images", ["superclass", "class"], "expert", sort=False, fill_value=0
    )
    return table.reindex(columns=range(num_experts), fill_value=0)


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """The busiest expert first, and classes by their main expert.

    Within superclasses where there are any, which then are ordered by theirs. Within one main
    expert classes fall by the share of their images that it takes.
    """
    table = table[table.sum().sort_values(ascending=False, kind="stable").index]
    groups = table.groupby(level="superclass", sort=False).transform("sum")
    keys = [*_keys(groups), groups.index.get_level_values("superclass"), *_keys(table)]
    return table.iloc[np.lexsort(keys[::-1])]


def _keys(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Place of the main expert, and less the share that it takes."""
    counts_VE = table.to_numpy()
    share_V = counts_VE.max(1) / np.maximum(counts_VE.sum(1), 1)
    return counts_VE.argmax(1), -share_V


def shares(table: pd.DataFrame) -> np.ndarray:
    """Of the images of a class that have an expert; nan of a class that has none."""
    return table.div(table.sum(axis=1), axis=0).to_numpy(dtype=float)


def heading(name: str, information: pd.DataFrame) -> str:
    """What the expert tells of class and superclass, as a share beside its null, and in nats."""
    told = [name]
    for router in ROUTERS:
        found = information[information.router.eq(router)].iloc[0]
        for of in ("class", "superclass"):
            nmi, null, nats = (found[f"{of}_{key}"] for key in ("nmi", "null_mean", "nats"))
            if pd.notna(nmi):
                told.append(f"{router}, {of}: NMI {nmi:.2f} (null {null:.2f}), {nats:.2f} nats")
    return "\n".join(told)


def draw(axes: Axes, table: pd.DataFrame, size: float, names: bool) -> QuadMesh:
    """A heat map; names: of the classes on the left."""
    mesh = axes.pcolormesh(shares(table), cmap=SHADES, vmin=0, vmax=1, rasterized=True)
    axes.set_ylim(len(table), 0)
    classes = table.index.get_level_values("class")
    axes.set_yticks(np.arange(len(table)) + 0.5 if names else [], classes if names else [])
    experts = [str(int(e)) for e in table.columns]
    step = 1 if len(experts) <= 8 else len(experts) // 4
    axes.set_xticks(np.arange(0, len(experts), step) + 0.5, experts[::step])
    axes.tick_params(length=0, pad=1, labelsize=5.5)
    axes.tick_params(axis="y", labelsize=size)
    for edge in _edges(table)[1:-1]:
        axes.axhline(edge, color="0.4", lw=0.4)
    return mesh


def _edges(table: pd.DataFrame) -> list[int]:
    """Where superclasses begin, and the end of the last."""
    names = table.index.get_level_values("superclass")
    starts = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1]]
    return [*starts, len(names)]


def name_superclasses(axes: Axes, table: pd.DataFrame) -> None:
    """On the right, a word a line."""
    names, edges = table.index.get_level_values("superclass"), _edges(table)
    for start, end in pairwise(edges):
        axes.annotate(
            fill(names[start].replace("_", " "), 13),
            (1.03, (start + end) / 2),
            xycoords=("axes fraction", "data"),
            fontsize=4.5,
            va="center",
            annotation_clip=False,
        )


def draw_arm(part: SubFigure, counts: pd.DataFrame, num_experts: int, size: float) -> QuadMesh:
    """A run, trained beside untrained: rows and columns as the trained router orders them."""
    axes = part.subplots(1, len(ROUTERS))
    order = ordered(table_of(counts[counts.router.eq("trained")], num_experts))
    for own, router in zip(axes, ROUTERS, strict=True):
        table = table_of(counts[counts.router.eq(router)], num_experts)
        table = table.reindex(index=order.index, columns=order.columns, fill_value=0)
        mesh = draw(own, table, size, names=router == "trained")
        own.set_title(router, fontsize=6)
    if len(_edges(order)) > 2:
        name_superclasses(axes[-1], order)
    return mesh


def main() -> None:
    given = options(__doc__)
    summary, information, counts = (
        pd.read_csv(path, dtype={"class": str, "superclass": str}) for path in given.table
    )
    counts["superclass"] = counts.superclass.fillna("")
    runs = balanced_runs(summary, given.balanced)
    found = arms(runs)
    shown = found[found.balance.isin(SHOWN)]
    found = shown if len(shown) else found[:3]
    first = first_finished(runs).set_index("cell").run
    classes = max(1, counts.label.nunique())
    height = min(LONGEST, 1.7 + ROW_INCHES * classes)
    size = min(6.5, 0.8 * 72 * (height - 1.6) / classes)  # points, of 0.8 of a row
    use_print_style()
    figure = plt.figure(figsize=(PAGE_INCHES, height))
    figure.get_layout_engine().set(w_pad=0.01, wspace=0.02)
    note_failed_arms(figure, found)
    above, below = figure.subfigures(2, 1, height_ratios=(height - 0.5, 0.5))
    parts = above.subfigures(1, max(1, len(found)), squeeze=False)[0]
    mesh = None
    for part, arm in zip(parts, found.itertuples(), strict=False):
        if not arm.n:
            part.suptitle(arm.name, fontsize=5.5)
            say(part.subplots(), f"failed: {brief(arm.failure)}")
            continue
        name = first[arm.cell]
        part.suptitle(heading(arm.name, information[information.run.eq(name)]), fontsize=5.5)
        own = counts[counts.run.eq(name)]
        if own.router.eq("trained").any():
            mesh = draw_arm(part, own, int(arm.num_experts), size)
        else:
            say(part.subplots(), "no image has an expert")
    if found.empty:
        say(parts[0].subplots(), "no run to draw: none of the mixture whose balance is compared")
    if mesh:
        place = below.add_axes((0.3, 0.8, 0.4, 0.15))
        bar = figure.colorbar(mesh, cax=place, orientation="horizontal", format=PercentFormatter(1))
        bar.set_label("of the images of a class, to an expert", fontsize=6)
        bar.ax.tick_params(labelsize=5.5)
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
