"""Frontier: bits per byte against training tokens per second, a point a cell."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from moe_core.figures.regimes import pareto
from moe_core.figures.style import (
    PAGE_INCHES,
    cell_label,
    draw_control,
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
from workflow_scripts.sweep import LEVELS


def level(cell: pd.Series, experiment: str) -> str:
    """What tells apart the cells of a strategy in an experiment."""
    if experiment in LEVELS:
        return LEVELS[experiment].name(cell)
    return f"cf {cell.capacity_factor:g}"


def point_label(cell: pd.Series, experiment: str, several: bool) -> str:
    """Label of a point: strategy, with its level where there are several; dense width."""
    if cell.strategy == "dense" or experiment not in LEVELS:
        return cell_label(cell, several)
    return f"{cell.label}, {level(cell, experiment)}" if several else cell.label


def quality(axes: Axes, cells: pd.DataFrame) -> None:
    """Bits per byte alone, a row a cell, of an experiment that this scale does not time."""
    how_many = "not all" if cells.tokens_per_s.notna().any() else "not"
    axes.set_title(f"{how_many} timed at this scale: quality alone", fontsize=7)
    for place, cell in cells.reset_index(drop=True).iterrows():
        style = look(cell.strategy)
        low = cell.bits_per_byte - cell.bits_per_byte_low
        high = cell.bits_per_byte_high - cell.bits_per_byte
        axes.errorbar(
            cell.bits_per_byte,
            place,
            xerr=[[0 if pd.isna(low) else low], [0 if pd.isna(high) else high]],
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=5,
            elinewidth=0.6,
        )
    axes.set_yticks(range(len(cells)), cells.name_drawn, fontsize=6.5)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.set_xlabel("test bits per byte")


def speeds(cells: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Lowest and highest tokens per second over repeats, and as far as the machine drifted.

    Drift is shared evenly by the two speeds of a ratio, which may be off by as much.
    """
    drift = (cells.matmul_peak_flops.max() / cells.matmul_peak_flops.min()) ** 0.5
    return cells.tokens_per_s_min / drift, cells.tokens_per_s_max * drift


def speed_and_quality(axes: Axes, cells: pd.DataFrame, ngram: pd.DataFrame) -> None:
    """Points with intervals, the frontier behind them, names beside them."""
    slowest, fastest = speeds(cells)
    best = cells.iloc[pareto(cells.tokens_per_s, cells.bits_per_byte)]
    axes.plot(best.tokens_per_s / 1e3, best.bits_per_byte, color="0.75", lw=4, zorder=0)
    labels, xs, ys = [], [], []
    for index, cell in cells.iterrows():
        style, x, y = look(cell.strategy), cell.tokens_per_s / 1e3, cell.bits_per_byte
        axes.errorbar(
            x,
            y,
            xerr=[[x - slowest[index] / 1e3], [fastest[index] / 1e3 - x]],
            yerr=[[y - cell.bits_per_byte_low], [cell.bits_per_byte_high - y]],
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=5,
            elinewidth=0.6,
        )
        labels.append(point_text(axes, x, y, cell.name_drawn, style.color))
        xs.append(x)
        ys.append(y)
    for _, row in ngram.iterrows():
        draw_control(axes, row)
    axes.set(xlabel="training throughput (thousand tokens/s)", ylabel="test bits per byte")
    move_apart(axes, labels, xs, ys)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    experiment = given.table.parent.name
    table = pd.read_csv(given.table)
    wanted = table[~table.control | table.strategy.eq("dense")].copy()
    routed = wanted[wanted.strategy != "dense"]
    several = len({level(cell, experiment) for _, cell in routed.iterrows()}) > 1
    names = [point_label(cell, experiment, several) for _, cell in wanted.iterrows()]
    wanted = wanted.assign(name=names, name_drawn=list(map(marked, names, wanted.n_failed)))
    finished = wanted[wanted.bits_per_byte.notna()]
    timed = len(finished) and finished.tokens_per_s.notna().all()
    use_print_style()
    height = 3.8 if timed else 0.8 + 0.18 * max(len(finished), 3)
    figure, axes = plt.subplots(figsize=(PAGE_INCHES, height))
    note_failed(figure, wanted)
    if timed:
        speed_and_quality(axes, finished, table[table.strategy == "ngram"])
    elif len(finished):
        quality(axes, finished)
        for _, row in table[table.strategy == "ngram"].iterrows():
            axes.set_title(f"{row.label}: {row.bits_per_byte:.2f}", fontsize=6, loc="right")
    else:
        say(axes, "no run of this experiment finished")
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
