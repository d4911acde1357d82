"""Frontier: bits per byte against training tokens per second, a point a cell."""

import matplotlib.pyplot as plt
import pandas as pd

from moe_core.figures.style import (
    PAGE_INCHES,
    draw_control,
    look,
    marked,
    move_apart,
    note_failed,
    point_text,
    save,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run


def frontier(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells that no other cell beats in both speed and quality by a decoder's rule."""
    ranked = cells.sort_values("tokens_per_s", ascending=False)
    return ranked[ranked.bits_per_byte < ranked.bits_per_byte.cummin().shift(fill_value=99)]


def point_label(cell: pd.Series, several: bool) -> str:
    """Label of a point: strategy, with its capacity factor where there are several; dense width."""
    if cell.strategy == "dense":
        return f"dense, F={cell.ffn_hidden:.0f}"
    return f"{cell.label}, cf {cell.capacity_factor:g}" if several else cell.label


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    table = pd.read_csv(given.table)
    ngram = table[table.strategy == "ngram"]
    wanted = table[~table.control | table.strategy.eq("dense")]
    several = len(wanted.capacity_factor.dropna().unique()) > 1
    names = [point_label(cell, several) for _, cell in wanted.iterrows()]
    cells = wanted[wanted.tokens_per_s.notna()]
    # shared evenly by the two speeds of a ratio, which may be off by as much as the machine drifted
    drift = (cells.matmul_peak_flops.max() / cells.matmul_peak_flops.min()) ** 0.5
    use_print_style()
    figure, axes = plt.subplots(figsize=(PAGE_INCHES, 3.8))
    best = frontier(cells)
    axes.plot(best.tokens_per_s / 1e3, best.bits_per_byte, color="0.75", lw=4, zorder=0)
    labels, xs, ys = [], [], []
    for _, cell in cells.iterrows():
        style, x, y = look(cell.strategy), cell.tokens_per_s / 1e3, cell.bits_per_byte
        axes.errorbar(
            x,
            y,
            xerr=[
                [x - cell.tokens_per_s_min / drift / 1e3],
                [cell.tokens_per_s_max * drift / 1e3 - x],
            ],
            yerr=[[y - cell.bits_per_byte_low], [cell.bits_per_byte_high - y]],
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=5,
            elinewidth=0.6,
        )
        labels.append(
            point_text(axes, x, y, marked(point_label(cell, several), cell.n_failed), style.color)
        )
        xs.append(x)
        ys.append(y)
    for _, row in ngram.iterrows():
        draw_control(axes, row)
    axes.set(xlabel="training throughput (thousand tokens/s)", ylabel="test bits per byte")
    counts = {"name": names, "n": wanted.n, "n_failed": wanted.n_failed}
    note_failed(figure, pd.DataFrame(counts))
    move_apart(axes, labels, xs, ys)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
