"""Peak memory by capacity factor, of a layer and of a training step, over that of the smallest."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from moe_core.figures.style import (
    COLUMN_INCHES,
    MARKERS,
    LineEnd,
    label_ends,
    save,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run

COLORS = dict(zip(["layer", "training step"], sns.color_palette("colorblind"), strict=False))
CLAIMED = 2  # percent (C09)
GREY = (0.5, 0.5, 0.5)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    table = pd.read_csv(given.table)
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 2.4))
    ends = []
    for place, ((of, dispatch), line) in enumerate(table.groupby(["of", "dispatch"])):
        peak = line.set_index("capacity_factor").peak_bytes.sort_index()
        grown = 100 * (peak / peak.iloc[0] - 1)
        style = "-" if dispatch == "auto" else "--"
        axes.plot(grown.index, grown, style, color=COLORS[of], marker=MARKERS[place], markersize=4)
        ends.append(LineEnd(f"{of}, {dispatch}", COLORS[of], grown.index[-1], grown.iloc[-1]))
    axes.axhline(CLAIMED, color=GREY, lw=0.8, ls=":")
    ends.append(LineEnd(f"claimed: below {CLAIMED} %", GREY, axes.get_xlim()[1], CLAIMED))
    axes.set(xlabel="capacity factor", ylabel="more peak memory (%)")
    figure.canvas.draw()
    label_ends(axes, ends)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
