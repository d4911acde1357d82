"""Time of MoE layers, ours and the peers', over a dense layer of equal active FLOPs."""

import matplotlib.pyplot as plt
import seaborn as sns

from moe_core.figures.compute import measured, ours_first
from moe_core.figures.style import PAGE_INCHES, save, use_print_style
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    layers = measured(given.table, "layer")
    layers = layers[~layers.name.isin(["dense, plain", "dense, ours"])]
    layers["shape"] = "E=" + layers.experts.astype(str) + "\nK=" + layers.top_k.astype(str)
    names = ours_first(layers.name)
    use_print_style()
    figure, panels = plt.subplots(1, 2, figsize=(PAGE_INCHES, 2.9), sharey=True)
    shades = sns.color_palette("colorblind")
    looks = {
        name: {
            "color": shades[0] if name.startswith("ours") else shades[1 + i % (len(shades) - 1)],
            "marker": "osD^vPX*hp"[i % 10],
        }
        for i, name in enumerate(names)
    }
    for axes, (precision, rows) in zip(
        panels, layers.groupby("precision", sort=False), strict=True
    ):
        axes.axhline(1, color="black", lw=0.8)
        shapes = list(dict.fromkeys(rows["shape"]))
        for i, name in enumerate(names):
            of_name = rows[rows.name == name]
            shift = (i - (len(names) - 1) / 2) * 0.07
            axes.plot(
                [shapes.index(shape) + shift for shape in of_name["shape"]],
                of_name.ratio_to_dense,
                ls="",
                ms=5 if name == "ours, auto" else 3.5,
                mfc=None if name == "ours, auto" else "white",
                label=name,
                **looks[name],
            )
        axes.set(title=precision, yscale="log", xticks=range(len(shapes)), xticklabels=shapes)
        axes.set_yticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
        axes.minorticks_off()
    panels[0].set_ylabel("time over dense layer\n(forward + backward)")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize=6,
        frameon=False,
    )
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
