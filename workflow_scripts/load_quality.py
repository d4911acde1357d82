"""Load against quality: imbalance by a decoder's rule, and bits per byte, a point a run."""

import matplotlib.pyplot as plt
import pandas as pd

from moe_core.figures.order import order
from moe_core.figures.style import (
    COLUMN_INCHES,
    look,
    marked,
    move_apart,
    note_failed,
    point_text,
    save,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    runs = pd.read_csv(given.table)
    runs = runs[~runs.control & runs.shared_hidden.eq(0)]
    several = len(runs.capacity_factor.dropna().unique()) > 1
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 3.2))
    labels, names = [], []
    for strategy in order(list(runs.strategy)):
        style = look(strategy)
        own = runs[runs.strategy == strategy]
        for capacity_factor, cell in own.groupby("capacity_factor"):
            text = f"{style.label}, cf {capacity_factor:g}" if several else style.label
            failed = cell.status.eq("failed")
            names.append((text, (~failed).sum(), failed.sum()))
            if failed.all():
                continue
            axes.scatter(
                cell.load_cv_causal, cell.bits_per_byte, s=6, color=style.color, alpha=0.4, lw=0
            )
            x, y = cell.load_cv_causal.mean(), cell.bits_per_byte.mean()
            axes.scatter(
                x,
                y,
                s=28,
                zorder=5,  # above the halo of names
                marker=style.marker,
                facecolor="white" if style.hollow else style.color,
                edgecolor=style.color,
            )
            labels.append(point_text(axes, x, y, marked(text, failed.sum()), style.color))
    axes.set(xlabel="load CV by a decoder's rule", ylabel="test bits per byte")
    note_failed(figure, pd.DataFrame(names, columns=["name", "n", "n_failed"]))
    move_apart(axes, labels)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
