"""The grid of panels of the capacity figures: a row a source of assignments, a column a K."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from moe_core.measure.style import MARKERS, PAGE_INCHES, save, use_print_style

SOURCES = {"random": "random", "zipf": "Zipf-skewed", "recorded": "recorded (trained)"}


def capacity_grid(
    microbench: Path,
    measure: str,
    scale: float,
    ylabel: str,
    law: str | None,
    pdf: Path,
    png: Path,
) -> None:
    """Draw ``measure * scale`` over capacity factors, a line an E; ``law`` over random panels."""
    table = pd.read_csv(microbench)
    experts, top_ks = sorted(table.num_experts.unique()), sorted(table.top_k.unique())
    colors = dict(zip(experts, sns.color_palette("viridis", len(experts) + 1), strict=False))
    use_print_style()
    figure, panels = plt.subplots(
        len(SOURCES),
        len(top_ks),
        figsize=(PAGE_INCHES, 5.2),
        sharex=True,
        sharey="row" if law else True,
        squeeze=False,
    )
    for row, (source, title) in enumerate(SOURCES.items()):
        for column, top_k in enumerate(top_ks):
            axes = panels[row][column]
            panel = table[(table.assignments == source) & (table.top_k == top_k)]
            for place, num_experts in enumerate(experts):
                line = panel[panel.num_experts == num_experts].sort_values("capacity_factor")
                axes.plot(
                    line.capacity_factor,
                    line[measure] * scale,
                    color=colors[num_experts],
                    marker=MARKERS[place],
                    markersize=3.5,
                    label=f"E = {num_experts}",
                )
                if law and source == "random":
                    axes.plot(line.capacity_factor, line[law] * scale, color="black", ls=":", lw=1)
            axes.set_title(f"{title}, K = {top_k}", fontsize=8)
    for axes in panels.flat:  # after all lines are drawn: rows share their limits
        axes.set_ylim(bottom=0)
    figure.supxlabel("capacity factor", fontsize=8)
    figure.supylabel(ylabel, fontsize=8)
    handles, names = panels[0][0].get_legend_handles_labels()
    if law:
        handles.append(Line2D([], [], color="black", ls=":", lw=1))
        names.append("closed-form law")
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    save(figure, pdf, png)
