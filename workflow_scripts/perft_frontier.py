"""Frontier of adapters: quality against the share of active parameters that is trained."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from moe_core.adapters.labels import LABELS, how_many
from moe_core.figures.style import (
    MARKERS,
    PAGE_INCHES,
    ink,
    marked,
    note_failed,
    save,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run

WAYS = {"stories": "test bits per byte", "commonsense": "bits per answer of test questions"}
COLORS = dict(zip(LABELS, sns.color_palette("colorblind"), strict=False))


def family(arm: pd.Series) -> str:
    """What a line joins: a method with its number of adapters; ranks differ along it."""
    many = how_many(arm.strategy, arm.num_adapters, arm.top_k)
    return f"{arm.label}, {many}" if many else arm.label


def point_area(rank: float) -> float:
    """Square points: the area that a rank is drawn with."""
    return 12 + 1.8 * rank


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    arms = pd.read_csv(given.table)
    arms = arms.assign(family=[family(arm) for _, arm in arms.iterrows()])
    use_print_style()
    figure, axes = plt.subplots(figsize=(PAGE_INCHES, 3.6))
    names = list(dict.fromkeys(arms.family))
    ends = []
    for name in names:
        own = arms[arms.family.eq(name)].sort_values("rank")
        color, failed = COLORS[own.strategy.iloc[0]], own.n_failed.sum()
        place = [
            n for n in names if arms[arms.family.eq(n)].strategy.iloc[0] == own.strategy.iloc[0]
        ]
        marker = MARKERS[place.index(name)]
        ends.append(Line2D([], [], color=color, marker=marker, ms=4, label=marked(name, failed)))
        drawn = own[own.bits_per_byte.notna()]
        x, y = drawn.trainable_share_active, drawn.bits_per_byte
        axes.plot(x, y, color=color, lw=0.8, alpha=0.7)
        axes.errorbar(
            x,
            y,
            yerr=[y - drawn.bits_per_byte_low, drawn.bits_per_byte_high - y],
            fmt="none",
            ecolor=color,
            elinewidth=0.6,
        )
        axes.scatter(
            x,
            y,
            s=drawn["rank"].map(point_area),
            color=color,
            marker=marker,
            linewidths=0,
            zorder=3,
        )
    ranks = sorted({rank for rank in arms["rank"] if rank})
    shown = [ranks[0], ranks[-1]] if len(ranks) > 1 else ranks
    sizes = [
        Line2D([], [], ls="", marker="o", color="0.5", ms=point_area(r) ** 0.5, label=f"rank {r}")
        for r in shown
    ]
    if arms.trainable_share_active.notna().any():
        axes.set_xscale("log")
    axes.set(
        xlabel="trained parameters that a token uses, as a share of the base's",
        ylabel=WAYS[arms.task.iloc[0]],
    )
    if arms.bits_per_byte_base.notna().any():
        base = arms.bits_per_byte_base.iloc[0]
        axes.annotate(
            f"base alone: {base:.3f}",
            (1, 1.01),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=6,
            color=ink((0.45, 0.45, 0.45)),
        )
    figure.legend(handles=[*ends, *sizes], loc="outside right center", frameon=False, fontsize=6.5)
    counts = arms.groupby("family", sort=False)[["n", "n_failed"]].sum().reset_index(names="name")
    note_failed(figure, counts)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
