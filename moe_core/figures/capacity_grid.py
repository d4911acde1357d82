"""The grid of panels of the capacity figures: a row a source of assignments, a column a K."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from moe_core.failures import brief
from moe_core.figures.style import (
    MARKERS,
    PAGE_INCHES,
    LineEnd,
    label_ends,
    save,
    use_print_style,
)

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
    ends: dict[str, list[LineEnd]] = {source: [] for source in SOURCES}
    for row, (source, title) in enumerate(SOURCES.items()):
        for column, top_k in enumerate(top_ks):
            axes = panels[row][column]
            axes.set_title(f"{title}, K = {top_k}", fontsize=8)
            panel = table[(table.assignments == source) & (table.top_k == top_k)]
            for place, num_experts in enumerate(experts):
                line = panel[panel.num_experts == num_experts].sort_values("capacity_factor")
                if line.not_recorded.notna().any():
                    why = f"E = {num_experts} not recorded: {brief(line.not_recorded.iloc[0])}"
                    axes.text(0.02, 0.04 + 0.1 * place, why, transform=axes.transAxes, fontsize=6)
                    continue
                x, y = line.capacity_factor, line[measure] * scale
                color = colors[num_experts]
                axes.plot(x, y, color=color, marker=MARKERS[place], markersize=3.5)
                if law and source == "random":
                    axes.plot(x, line[law] * scale, color="black", ls=":", lw=1)
                if top_k == top_ks[-1]:
                    ends[source].append(LineEnd(f"E = {num_experts}", color, x.max(), y.iloc[-1]))
    for axes in panels.flat:  # after all lines are drawn, for panels share their limits
        axes.set_ylim(bottom=0)
    if law:
        dotted = Line2D([], [], color="black", ls=":", lw=1, label="closed-form law")
        panels[0][0].legend(handles=[dotted], frameon=False, fontsize=6.5)
    figure.supxlabel("capacity factor", fontsize=8)
    figure.supylabel(ylabel, fontsize=8)
    figure.canvas.draw()
    for source, row_panels in zip(SOURCES, panels, strict=True):
        label_ends(row_panels[-1], ends[source])
    save(figure, pdf, png, microbench)
