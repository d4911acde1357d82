"""Our layers under the roofs of the machine: FLOP/s against FLOPs per unavoidable byte."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from moe_core.figures.compute import measured
from moe_core.figures.style import COLUMN_INCHES, save, use_print_style
from workflow_scripts.command import parser, path_argument, run

BYTES = {"fp32": 4, "bf16": 2}


def intensity(rows: pd.DataFrame) -> pd.Series:
    """FLOPs over the bytes that a layer must move even if all else stayed in cache.

    Two matrices of each expert read forward and backward and their gradient written; x read twice,
    y and the gradient of x written, the gradient of y read.
    """
    weights = 3 * rows.experts * 2 * rows.dim * rows.hidden
    tokens = 5 * rows.tokens * rows.dim
    flops = 3 * 4 * rows.tokens * rows.top_k * rows.dim * rows.hidden
    return flops / ((weights + tokens) * rows.precision.map(BYTES))


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    layers, peaks = (measured(given.table, section) for section in ("layer", "peaks"))
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 2.6))
    palette = dict(zip(peaks.precision, sns.color_palette("colorblind"), strict=False))
    x = np.geomspace(2, 4000, 200)
    for _, peak in peaks.iterrows():
        color = palette[peak.precision]
        roof = np.minimum(peak.matmul_flops, x * peak.memcpy_bytes_per_s) / 1e9
        axes.plot(x, roof, color=color, lw=1)
        axes.annotate(
            f"matmul peak, {peak.precision}",
            (x[-1], roof[-1]),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=color,
            fontsize=6,
        )
        for name, filled in (("ours, auto", True), ("dense, plain", False)):
            rows = layers[(layers.name == name) & (layers.precision == peak.precision)]
            one = rows.assign(experts=rows.top_k) if name.startswith("dense") else rows
            axes.plot(
                intensity(one),
                rows.tflops * 1e3,
                ls="",
                marker="o" if filled else "s",
                ms=4,
                color=color,
                mfc=color if filled else "white",
                label=f"{'MoE, ours' if filled else 'dense, plain'}, {peak.precision}",
            )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="FLOPs per unavoidable byte",
        ylabel="GFLOP/s",
    )
    axes.set_yticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
    axes.minorticks_off()
    axes.set_ylim(0.15 * peaks.matmul_flops.min() / 1e9, 1.3 * peaks.matmul_flops.max() / 1e9)
    axes.legend(fontsize=6, frameon=False, loc="lower right")
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
