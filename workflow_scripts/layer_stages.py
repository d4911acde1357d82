"""Where the time of a layer goes, by stage, for each number of experts and choices."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from moe_core.figures.style import COLUMN_INCHES, save, use_print_style
from workflow_scripts.command import parser, path_argument, run

STAGES = {
    "router": "router",
    "select": "choice and losses",
    "slots": "capacity",
    "experts": "dispatch and experts",
    "backward": "backward",
}
HATCHES = ("", "////", "....", "", "\\\\\\\\")


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    table = pd.read_csv(given.table)
    table = table[table.tokens == table.tokens.max()]
    ms = table.set_index(["num_experts", "top_k", "stage"]).ms.unstack("stage")  # noqa: PD010
    ms = ms[list(STAGES)].clip(lower=0)
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 0.9 + 0.22 * len(ms)))
    left = pd.Series(0.0, index=ms.index)
    names = [f"E = {e}, K = {k}" for e, k in ms.index]
    colors = sns.color_palette("colorblind", len(STAGES))
    for stage, hatch, color in zip(STAGES, HATCHES, colors, strict=True):
        axes.barh(
            names, ms[stage], left=left, color=color, hatch=hatch, ec="white", label=STAGES[stage]
        )
        left = left + ms[stage]
    axes.invert_yaxis()
    first = table.iloc[0]
    axes.set_xlabel(f"ms (T = {first.tokens:,}, D = {first.dim})")
    figure.legend(
        *axes.get_legend_handles_labels(),
        ncols=3,
        fontsize=6,
        frameon=False,
        loc="outside upper center",
    )
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
