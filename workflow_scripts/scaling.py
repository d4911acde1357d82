"""Shared-out experts: losses and bytes sent against what they should be; efficiency by a model."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from moe_core.figures.style import PAGE_INCHES, save, say, use_print_style
from workflow_scripts.command import parser, path_argument, run

TARGET = 1e-5  # nats, of the largest difference that counts as none
LEG_LABELS = {
    "forward_out": "forward, out",
    "forward_home": "forward, home",
    "backward_out": "backward, out",
    "backward_home": "backward, home",
    "counts": "counts",
}
BLUE, ORANGE = sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[1]
LOOKS = {2: (BLUE, "o", "-"), 4: (ORANGE, "s", "--")}  # by processes


def differences(axes: Axes, losses: pd.DataFrame) -> None:
    """Largest over seeds, a line a number of processes; where they are equal nothing is drawn."""
    several = losses[losses.processes > 1]
    if several.empty:
        say(axes, "one process only: not measured here")
        return
    for processes, own in several.groupby("processes"):
        color, _, dashes = LOOKS[processes]
        largest = own.difference.abs().groupby(own.step).max()
        axes.plot(largest[largest > 0], color=color, ls=dashes, label=f"{processes} processes")
    axes.axhline(TARGET, color="0.4", lw=0.8, ls=":")
    axes.annotate(
        "allowed",
        (0.98, TARGET),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=6,
        color="0.35",
    )
    axes.set(yscale="log", xlabel="step", ylabel="difference of loss (nats)")
    axes.legend(frameon=False, fontsize=6.5)


def sent(axes: Axes, communication: pd.DataFrame) -> None:
    """Bars: counted; lines across them: the formula; means over seeds."""
    if communication.empty:
        say(axes, "one process only: not measured here")
        return
    means = communication.groupby(["leg", "processes"]).mean(numeric_only=True) / 1e6
    sizes = sorted(communication.processes.unique())
    height = 0.8 / len(sizes)
    for place, leg in enumerate(LEG_LABELS):
        for nth, processes in enumerate(sizes):
            color, _, dashes = LOOKS[processes]
            y, row = place + (nth - (len(sizes) - 1) / 2) * height, means.loc[(leg, processes)]
            axes.barh(
                y,
                row.bytes_counted,
                height,
                color=color,
                alpha=0.55,
                edgecolor="black",
                lw=0.5,
                hatch="" if dashes == "-" else "///",
                label=f"{processes} processes" if place == 0 else None,
            )
            axes.plot(row.bytes_predicted, y, marker="|", color="black", ms=7, mew=1.5)
    axes.set_yticks(range(len(LEG_LABELS)), LEG_LABELS.values(), fontsize=6.5)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="MB sent; bars across: formula")
    axes.legend(frameon=False, fontsize=6.5, loc="lower right")


def efficiency(axes: Axes, scaling: pd.DataFrame) -> None:
    """The model to many devices, and beside the measured points what it says of them."""
    if scaling.empty:
        say(axes, "one process only: no model was fitted here")
        return
    drawn = scaling[scaling.measured_step_s.isna()]
    checked = scaling[scaling.measured_step_s.notna() & (scaling.devices > 1)]
    axes.plot(drawn.devices, 100 * drawn.predicted_efficiency, color="0.35", label="model, weak")
    for kind, own in checked.groupby("scaling"):
        color, marker = (BLUE, "o") if kind == "weak" else (ORANGE, "s")
        axes.plot(
            own.devices,
            100 * own.measured_efficiency,
            marker,
            color=color,
            ms=5,
            label=f"measured, {kind}",
        )
        axes.plot(
            own.devices,
            100 * own.predicted_efficiency,
            marker,
            color=color,
            ms=5,
            mfc="white",
            label=f"model of it, {kind}",
        )
    ticks = drawn.devices[::2]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
    axes.set_ylim(0, 105)
    axes.set(xlabel="devices", ylabel="efficiency (%)")
    axes.set_title("curve: a model, a core each", fontsize=7)
    axes.legend(frameon=False, fontsize=6.5)


def main() -> None:
    arguments = parser(__doc__)
    names = "losses.csv, communication.csv, scaling.csv"
    arguments.add_argument("--table", type=Path, nargs=3, required=True, help=names)
    path_argument(arguments, "pdf", "png")
    given = arguments.parse_args()
    use_print_style()
    figure, panels = plt.subplots(1, 3, figsize=(PAGE_INCHES, 2.5))
    for axes, draw, path in zip(panels, (differences, sent, efficiency), given.table, strict=True):
        draw(axes, pd.read_csv(path))
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
