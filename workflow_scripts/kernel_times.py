"""Stages of routing as a share of the rate of a copy, by shape and implementation."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from moe_core.figures.style import MARKERS, PAGE_INCHES, save, use_print_style
from moe_core.measure.stages import VARIANTS
from workflow_scripts.command import parser, path_argument, run

TITLES = {
    "select": "select: choice, weights, losses",
    "slots": "slots: capacity and order",
    "move": "move: rows to experts and back",
}


def draw(axes: Axes, rows: pd.DataFrame, shapes: list[str]) -> None:
    """A mark a shape and implementation; whiskers: quartiles."""
    colors = sns.color_palette("colorblind", len(VARIANTS))
    for place, (variant, color) in enumerate(zip(VARIANTS, colors, strict=True)):
        drawn = rows[(rows.variant == variant) & rows.ms.notna()]
        if drawn.empty:
            continue
        share = 100 * drawn.bandwidth_share
        # time is in the denominator: its upper quartile is the lower one of the share
        ends = [
            share - share * drawn.ms / drawn.ms_upper_quartile,
            share * drawn.ms / drawn.ms_lower_quartile - share,
        ]
        axes.errorbar(
            [shapes.index(shape) + 0.2 * (place - 1) for shape in drawn["shape"]],
            share,
            yerr=ends,
            color=color,
            marker=MARKERS[place],
            markersize=4,
            elinewidth=0.7,
            ls="none",
            label=variant,
        )
    axes.set_xticks(range(len(shapes)), shapes, rotation=90 if len(shapes) > 6 else 0)
    axes.set_xlim(-0.5, len(shapes) - 0.5)
    axes.set_yscale("log")
    axes.grid(axis="y", lw=0.3)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    table = pd.read_csv(given.table)
    table = table[table.tokens == table.tokens.max()]
    shapes = [f"{e}, {k}" for e, k in zip(table.num_experts, table.top_k, strict=True)]
    table = table.assign(shape=shapes)
    use_print_style()
    figure, panels = plt.subplots(1, len(TITLES), figsize=(PAGE_INCHES, 2.6), sharey=True)
    for axes, (stage, title) in zip(panels, TITLES.items(), strict=True):
        draw(axes, table[table.stage == stage], list(dict.fromkeys(shapes)))
        axes.set_title(title, fontsize=8)
    panels[0].set_ylabel("% of the rate of a copy")
    absent = table[table.not_measured.notna()].drop_duplicates("variant")
    notes = [f"{row.variant}: {row.not_measured}" for row in absent.itertuples()]
    device, tokens = table.device.iloc[0], table.tokens.iloc[0]
    figure.supxlabel("\n".join([f"E, K (T = {tokens:,}; {device})", *notes]), fontsize=7)
    panels[-1].legend(frameon=False, fontsize=6.5)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
