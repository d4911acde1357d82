"""One source of colours, markers, labels and order for every figure and table."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from adjustText import adjust_text
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from pandas.core.groupby import SeriesGroupBy
from scipy.optimize import isotonic_regression

from moe_core.figures.order import CONTROLS, strategies
from moe_core.provenance import file_sha256, write_atomic
from moe_core.routing import registry

Color = tuple[float, float, float]
SHADES = "Blues"  # of shares: white is none, and it grows darker throughout
COLUMN_INCHES, PAGE_INCHES = 3.5, 7.16  # IEEEtran column and text width
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "h", "*")


@dataclass(frozen=True)
class Look:
    """How one strategy or control is drawn; hollow: it reads the future in training."""

    label: str
    color: Color
    marker: str
    hollow: bool


def look(name: str) -> Look:
    """Colour-blind-safe, the same in every figure; a new strategy takes the next place."""
    if name in CONTROLS:
        grey = (0.0, 0.0, 0.0) if name == "dense" else (0.45, 0.45, 0.45)
        return Look(CONTROLS[name], grey, "o", hollow=False)
    place = strategies().index(name)
    palette = [c for i, c in enumerate(sns.color_palette("colorblind")) if i != 7]  # 7 is grey
    declared = registry.declaration(name)
    return Look(
        declared["label"],
        palette[place % len(palette)],
        MARKERS[place % len(MARKERS)],
        hollow=not declared["causal"],
    )


FAILED = "‡"  # after the name of what lost seeds


def marked(name: str, n_failed: float) -> str:
    """A name, with the mark where seeds failed."""
    return f"{name}{FAILED}" if n_failed > 0 else name


def note_failed(figure: Figure, cells: pd.DataFrame, what: str = "seeds") -> None:
    """Above a figure, how many seeds of which cells failed, if any.

    cells: name, n (finished) and n_failed; what: the plural of what is counted.
    """
    failed = cells[cells.n_failed > 0]
    counts = [
        f"{name} {n_failed:.0f} of {n + n_failed:.0f}"
        for name, n, n_failed in failed[["name", "n", "n_failed"]].to_numpy()
    ]
    if counts:
        note = f"{FAILED} failed {what}, left out: {', '.join(counts)}"
        characters = int(22 * figure.get_size_inches()[0])  # of 6 points
        figure.suptitle(fill(note, characters), fontsize=6, x=0.01, ha="left")


def say(axes: Axes, text: str) -> None:
    """Words in the place of data that are missing."""
    axes.set_axis_off()
    characters = int(20 * axes.get_window_extent().width / axes.figure.dpi)  # of 7 points
    axes.text(
        0.5,
        0.5,
        fill(text, max(12, characters)),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=7,
    )


def use_print_style() -> None:
    """Small serif-free type, thin lines, fonts embedded as outlines that can be searched."""
    sns.set_theme(context="paper", style="ticks", font_scale=0.9)
    plt.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "font.size": 8,
            "lines.linewidth": 1.3,
            "pdf.fonttype": 42,
            "savefig.dpi": 200,
        }
    )


@dataclass(frozen=True)
class LineEnd:
    """Where a line ends, in data coordinates, and what to call it there."""

    label: str
    color: Color
    x: float
    y: float


def ink(color: Color) -> Color:
    """The colour, as dark as small type on white asks for: a contrast of 4.5 (WCAG 2.2, 1.4.3)."""
    luminance = np.power(color, 2.2) @ (0.2126, 0.7152, 0.0722)
    red, green, blue = np.multiply(color, (0.175 / max(luminance, 0.175)) ** (1 / 2.2))
    return float(red), float(green), float(blue)


def draw_curve(
    axes: Axes, thousands: Sequence[float], runs: "SeriesGroupBy[Any, Any]", style: Look
) -> None:
    """Mean and range over runs, which are grouped by the tokens seen."""
    axes.fill_between(thousands, runs.min(), runs.max(), color=style.color, alpha=0.2, lw=0)
    axes.plot(
        thousands,
        runs.mean(),
        color=style.color,
        marker=style.marker,
        markerfacecolor="white" if style.hollow else style.color,
        markersize=3,
        ls="--" if style.hollow else "-",
    )


def write_in_cells(
    axes: Axes, shares: NDArray[np.float64], top: float, text: str, size: float
) -> None:
    """Per cents in the cells of a heat map whose ``SHADES`` reach to top; nothing for nan."""
    for (row, column), value in np.ndenumerate(shares):
        if np.isfinite(value):
            color = "white" if value > 0.6 * top else "black"  # legible on light and on dark
            axes.text(
                column + 0.5,
                row + 0.5,
                text.format(100 * value),
                ha="center",
                va="center",
                fontsize=size,
                color=color,
            )


def cell_label(cell: pd.Series, several: bool) -> str:
    """Strategy, with its capacity factor where there are several; dense width."""
    if cell.strategy == "dense":
        return f"dense, F={cell.ffn_hidden:.0f}"
    limited = several and pd.notna(cell.capacity_factor)
    return f"{cell.label}, cf {cell.capacity_factor:g}" if limited else str(cell.label)


def label_ends(axes: Axes, ends: list[LineEnd]) -> None:
    """Name lines beside their right ends, moved apart so that no two names overlap."""
    if not ends:  # every run failed
        return
    bottom, top = axes.get_ylim()
    gap = 7.5 / 72 * (top - bottom) / axes.get_window_extent().height * axes.figure.dpi
    for end, height in zip(ends, _apart([end.y for end in ends], gap, bottom), strict=True):
        axes.annotate(
            end.label,
            (end.x, end.y),
            xytext=(1.04, height),
            textcoords=axes.get_yaxis_transform(),
            color=ink(end.color),
            fontsize=6.5,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": end.color,
                "lw": 0.4,
                "relpos": (0, 0.5),  # from the name's left end
            },
        )


def point_text(axes: Axes, x: float, y: float, text: str, color: Color) -> Text:
    """The name of a point, legible where it crosses lines; ``move_apart`` may move it."""
    halo = patheffects.withStroke(linewidth=1.8, foreground="white")
    return axes.text(x, y, text, color=ink(color), fontsize=6, path_effects=[halo])


def move_apart(
    axes: Axes,
    names: list[Text],
    xs: Sequence[float] | None = None,
    ys: Sequence[float] | None = None,
) -> None:
    """Move names off each other and off the points xs, ys, with a line to those that went far."""
    if not names:  # every run failed
        return
    axes.figure.canvas.draw()
    adjust_text(
        names,
        x=xs,
        y=ys,
        ax=axes,
        expand=(1.15, 1.4),
        arrowprops={"arrowstyle": "-", "color": "0.6", "lw": 0.4},
        force_text=(0.3, 0.6),
        iter_lim=500,  # by default the clock stops it, and equal data gives unequal figures
    )


def _apart(heights: list[float], gap: float, floor: float) -> list[float]:
    """The heights nearest to the given ones that are ``gap`` apart, in order, none below floor."""
    ranked = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    placed = np.empty(len(heights))
    fitted = isotonic_regression(np.asarray(heights)[ranked] - steps).x
    placed[ranked] = np.maximum(fitted, floor) + steps
    return placed.tolist()


def save(figure: Figure, pdf: Path, png: Path, *tables: Path) -> None:
    """Write both formats, without dates, so that equal data gives equal bytes.

    Each names the tables that it was drawn from with their SHA-256: as ``Source`` in a PNG, as
    ``Subject`` in a PDF.
    """
    source = "\n".join(f"{table} sha256 {file_sha256(table)}" for table in tables)
    metadata: dict[str, dict[str, str | None]] = {
        "pdf": {"Subject": source, "CreationDate": None, "ModDate": None},
        "png": {"Source": source, "Software": None},
    }
    for kind, path in (("pdf", pdf), ("png", png)):
        drawn = BytesIO()
        figure.savefig(drawn, format=kind, metadata=metadata[kind])
        write_atomic(path, drawn.getvalue())
    plt.close(figure)


def draw_control(axes: Axes, row: pd.Series) -> None:
    """A dotted line at the control's figure, or a note above the axes where that is far away."""
    bottom, top = axes.get_ylim()
    near = bottom - (top - bottom) / 4 < row.bits_per_byte < top + (top - bottom) / 4
    if near:
        axes.axhline(row.bits_per_byte, color=look("ngram").color, ls=":", lw=1)
        text, height, units = row.label, row.bits_per_byte, "data"
    else:
        side = "below" if row.bits_per_byte < bottom else "above"
        text = f"{row.label}: {row.bits_per_byte:.2f}, {side} this range"
        height, units = 1.01, "axes fraction"
    axes.annotate(
        text,
        (1, height),
        xycoords=("axes fraction", units),
        ha="right",
        va="bottom",
        fontsize=6,
        color=look("ngram").color,
    )
