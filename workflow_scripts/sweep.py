"""Sweep: bits per byte, and a second measure, over the levels of an experiment, a line an arm."""

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from moe_core.figures.order import order
from moe_core.figures.style import (
    PAGE_INCHES,
    LineEnd,
    draw_control,
    label_ends,
    look,
    marked,
    note_failed,
    save,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.learning_rate_choice import TUNED

AXIS = {
    "bits_per_byte": "bits per byte",
    TUNED: "validation bits per byte",
    "drop_rate": "drop rate",
    "load_cv": "load CV",
}


@dataclass(frozen=True)
class Levels:
    """What an experiment changes: the name of a row's level, and the two measures drawn."""

    name: Callable[[pd.Series], str]
    second: str
    first: str = "bits_per_byte"


def balance_level(row: pd.Series) -> str:
    """The one thing that an arm of the balance experiment changes."""
    if row.bias_rate > 0:
        return f"bias {row.bias_rate:g}"
    if row.jitter > 0:
        return f"jitter {row.jitter:g}"
    if pd.notna(row.balance_sequences):
        return f"over {row.balance_sequences:.0f}"
    return f"α {row.switch_coef:g}"


LEVELS = {
    "capacity_sweep": Levels(lambda row: f"cf {row.capacity_factor:g}", "drop_rate"),
    "router_nets": Levels(lambda row: row.router, "load_cv"),
    "larger": Levels(lambda row: size(row), "load_cv"),
    "subword": Levels(lambda row: row.tokens.partition("-")[2], "load_cv"),
    "balance": Levels(balance_level, "load_cv"),
    "learning_rate": Levels(lambda row: f"rate {row.learning_rate:g}", "load_cv", TUNED),
}


def size(row: pd.Series) -> str:
    """Width, and experts where there are any."""
    experts = "" if pd.isna(row.num_experts) else f", E={row.num_experts:.0f}"
    return f"D={row.dim:.0f}{experts}"


def draw(axes: Axes, cells: pd.DataFrame, levels: list[str], measure: str) -> None:
    """A line a strategy over the levels, with intervals; names beside the last points."""
    ends = []
    for strategy in order(list(cells.strategy)):
        style, own = look(strategy), cells[cells.strategy == strategy]
        name = marked(style.label, own.n_failed.sum())
        own = own[own[measure].notna()].sort_values("place")
        if own.empty:
            continue
        low, high = own[measure] - own[f"{measure}_low"], own[f"{measure}_high"] - own[measure]
        axes.errorbar(
            own.place,
            own[measure],
            yerr=[low.fillna(0), high.fillna(0)],
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=4,
            lw=1 if len(levels) > 1 else 0,
            elinewidth=0.6,
        )
        last = own.iloc[-1]
        ends.append(LineEnd(name, style.color, last.place, last[measure]))
    axes.set_xticks(range(len(levels)), levels, rotation=20, ha="right", fontsize=6.5)
    axes.set_xlim(-0.3, len(levels) - 0.7)
    axes.set_ylabel(AXIS[measure])
    label_ends(axes, ends)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    chosen = LEVELS[given.table.parent.name]
    table = pd.read_csv(given.table)
    cells = table[table.strategy != "ngram"].sort_values("learning_rate", kind="stable").copy()
    cells["level"] = cells.apply(chosen.name, axis=1)
    levels = list(dict.fromkeys(cells[cells.strategy != "dense"].level))
    if not set(cells[cells.strategy == "dense"].level) <= set(levels):
        # a dense model has no experts: it stands at the first level of its width
        first = cells[cells.strategy != "dense"].drop_duplicates("dim").set_index("dim").level
        dense = cells.strategy == "dense"
        cells.loc[dense, "level"] = cells[dense].dim.map(first)
    cells["place"] = cells.level.map({level: i for i, level in enumerate(levels)})
    usual = (
        cells[cells.strategy != "dense"].groupby("dim").dense_width.agg(lambda w: w.mode().max())
    )
    other = (cells.strategy == "dense") & (cells.ffn_hidden != cells.dim.map(usual))
    cells = cells[~other & cells.place.notna()]
    use_print_style()
    figure, axes = plt.subplots(1, 2, figsize=(PAGE_INCHES, 2.4))
    note_failed(figure, cells.assign(name=cells.label + " at " + cells.level))
    for axis, measure in zip(axes, (chosen.first, chosen.second), strict=True):
        draw(axis, cells, levels, measure)
    if chosen.first == "bits_per_byte":
        for _, row in table[table.strategy == "ngram"].iterrows():
            draw_control(axes[0], row)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
