"""What a layer costs besides its expert products, as the number of experts grows."""

import matplotlib.pyplot as plt
import seaborn as sns

from moe_core.figures.compute import measured
from moe_core.figures.style import COLUMN_INCHES, LineEnd, save, use_print_style
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    growth = measured(given.table, "growth")
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 2.5))
    palette = sns.color_palette("colorblind")
    ends = []
    for (precision, rows), color in zip(
        growth.groupby("precision", sort=False), palette, strict=False
    ):
        axes.plot(rows.experts, rows.routing_ms, marker="o", ms=4, color=color)
        last = rows.iloc[-1]
        ends.append(LineEnd(precision, color, last.experts, last.routing_ms))
    first = growth.iloc[0]
    proportional = first.routing_ms * growth.experts.unique() / first.experts
    axes.plot(growth.experts.unique(), proportional, color="0.6", ls=":", lw=1)
    ends.append(LineEnd("proportional", (0.5, 0.5, 0.5), growth.experts.max(), proportional[-1]))
    axes.set(xscale="log", yscale="log", xlabel="experts $E$", ylabel="routing (ms)")
    axes.set_xticks(growth.experts.unique(), growth.experts.unique().astype(str))
    ticks = [t for t in (5, 10, 20, 50, 100, 200, 500) if t < 1.2 * proportional[-1]]
    axes.set_yticks(ticks, map(str, ticks))
    axes.minorticks_off()
    label_log_ends(axes, ends)
    save(figure, given.pdf, given.png, given.table)


def label_log_ends(axes: plt.Axes, ends: list[LineEnd]) -> None:
    """Names beside the last points, the higher ones above."""
    for place, end in enumerate(sorted(ends, key=lambda end: end.y)):
        axes.annotate(
            end.label,
            (end.x, end.y),
            xytext=(4, 0),
            textcoords="offset points",
            color=end.color,
            fontsize=6.5,
            va="top" if place == 0 else "bottom",
            annotation_clip=False,
        )


if __name__ == "__main__":
    run(main)
