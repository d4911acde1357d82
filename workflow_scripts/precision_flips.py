"""Routers in lower precision: change of bits per byte, choices changed, and at which margins."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from moe_core.analysis.flip_columns import EDGES, ROUNDED
from moe_core.figures.order import order
from moe_core.figures.style import (
    PAGE_INCHES,
    Color,
    cell_label,
    marked,
    note_failed,
    save,
    say,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run

CHANGE = "bits_per_byte_less_fp32"
BLUE, _, GREEN, RED, *_ = sns.color_palette("colorblind")
LOOKS: dict[str, tuple[Color, str, float]] = {  # colour, marker, place in a row
    "fp16": (GREEN, "s", -0.22),
    "bf16": (BLUE, "o", 0.0),
    "int8": (RED, "D", 0.22),
}


def draw_change(axes: Axes, arms: pd.DataFrame) -> None:
    """Mean change with its 95 % interval, and the band in which there is none."""
    margin = arms.margin.iloc[0]
    axes.axvspan(-margin, margin, color="0.92", lw=0)
    axes.axvline(0, color="0.6", lw=0.6)
    for precision, (color, marker, place) in LOOKS.items():
        own = arms[arms.router_precision.eq(precision) & arms[CHANGE].notna()]
        ends = [own[CHANGE] - own[f"{CHANGE}_low"], own[f"{CHANGE}_high"] - own[CHANGE]]
        axes.errorbar(
            own[CHANGE],
            own.row + place,
            xerr=np.nan_to_num(ends),
            color=color,
            marker=marker,
            markersize=3,
            elinewidth=0.8,
            ls="",
            label=precision,
        )
    reach = max(1.2 * margin, *axes.get_xlim(), -axes.get_xlim()[0])
    axes.set(xlim=(-reach, reach), xlabel="bits per byte less float32's")
    axes.set_xticks([-margin, 0, margin], [f"−{margin:g}", "0", f"{margin:g}"])
    axes.set_title(f"band: ±{margin:g} bits per byte", fontsize=6, loc="left")


def draw_shares(axes: Axes, arms: pd.DataFrame) -> None:
    """Share of decisions whose set of experts changes, on equal inputs and compounded."""
    for precision, (color, marker, place) in LOOKS.items():
        own = arms[arms.router_precision.eq(precision)]
        for kind, fill, size in (("compounded", "white", 4.5), ("local", color, 2.5)):
            axes.plot(
                own[f"set_changed_{kind}"],
                own.row + place,
                color=color,
                marker=marker,
                markerfacecolor=fill,
                markersize=size,
                ls="",
            )
    axes.set_xscale("symlog", linthresh=1e-4)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 1e-4, 1e-3, 1e-2, 1e-1, 1])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    axes.set_xlabel("decisions changed (%)")
    axes.set_title("filled: on equal inputs; hollow: compounded", fontsize=6, loc="left")


def draw_margins(axes: Axes, flips: pd.DataFrame) -> None:
    """Share changed by rank of margin: a thin line a cell, a thick one over all."""
    local = flips[flips.kind.eq("local")]
    middle = (np.array(EDGES[:-1]) + np.array(EDGES[1:])) / 2
    for precision, (color, marker, _) in LOOKS.items():
        own = local[local.router_precision.eq(precision)]
        for _, cell in own.groupby("cell", sort=False):
            share = share_of(cell)
            axes.plot(middle[share.index], share, color=color, lw=0.4, alpha=0.5)
        share = share_of(own)
        axes.plot(middle[share.index], share, color=color, marker=marker, markersize=3)
    axes.set(xscale="log", xlabel="rank of the float32 margin (%)", ylabel="of these, changed (%)")
    axes.set_ylim(0, None)
    axes.set_xticks([0.01, 0.1, 1], ["1", "10", "100"])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_title("thick: all; thin: a strategy", fontsize=6, loc="left")


def share_of(flips: pd.DataFrame) -> pd.Series:
    """Share of decisions whose set changes, by bin of margins."""
    counts = flips.groupby("bin")[["set_changed", "decisions"]].sum()
    return counts.set_changed / counts.decisions


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--table", type=Path, nargs=2, required=True, help="arms and flips")
    path_argument(arguments, "pdf", "png")
    given = arguments.parse_args()
    arms, flips = map(pd.read_csv, given.table)
    cells = arms[arms.router_precision.eq(ROUNDED[0])].set_index("cell")
    ranks = {name: i for i, name in enumerate(order(list(cells.strategy)))}
    cells = cells.assign(rank=cells.strategy.map(ranks)).sort_values("rank", kind="stable")
    names = [cell_label(cell, several=False) for _, cell in cells.iterrows()]
    arms = arms.assign(row=arms.cell.map({cell: row for row, cell in enumerate(cells.index)}))
    use_print_style()
    figure, axes = plt.subplots(1, 3, figsize=(PAGE_INCHES, 0.9 + 0.17 * max(8, len(cells))))
    note_failed(figure, cells.assign(name=names), "seeds")
    if arms[CHANGE].notna().any():
        draw_change(axes[0], arms)
        draw_shares(axes[1], arms)
        draw_margins(axes[2], flips)
        for place in axes[:2]:
            place.set_yticks(range(len(names)), [], fontsize=6)
            place.set_ylim(len(names) - 0.5, -0.5)
        axes[0].set_yticklabels(list(map(marked, names, cells.n_failed)))
        axes[0].legend(fontsize=6, loc="lower right", handletextpad=0.2, borderpad=0.2)
    else:
        for place in axes:
            say(place, "no run with a router that learns finished")
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
