"""Test images nearest to the mean of those that choose an expert first, in the gate's features."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from safetensors.numpy import load_file

from moe_core.figures.style import PAGE_INCHES, save, say, use_print_style
from workflow_scripts.command import run
from workflow_scripts.vision_figure import (
    arms,
    balanced_runs,
    first_finished,
    note_failed_arms,
    options,
)

PLACES = 8  # images of an expert, at most
PREFERRED = "switch"  # of the balances; else the first
ROW_INCHES, LONGEST = 0.72, 9.2  # of an expert, and of all
PITCH_INCHES, NAME_INCHES = 0.66, 0.19  # from image to image, and below each for its class


def pictures(images: Path) -> NDArray[np.uint8]:
    """image_NHWC of the test split, grey ones in three channels too."""
    image_NHWC = load_file(images)["image_NCHW"].transpose(0, 2, 3, 1)
    return image_NHWC if image_NHWC.shape[-1] == 3 else image_NHWC[..., :1].repeat(3, -1)


def strip(axes: Axes, image_KHWC: NDArray[np.uint8], names: list[str], pitch: float) -> None:
    """Images side by side, a pitch apart in units of their side, above their classes."""
    for place, image_HWC in enumerate(image_KHWC):
        left = place * pitch
        axes.imshow(image_HWC, extent=(left, left + 1, 0, 1), interpolation="nearest")
    axes.set_xlim(0, PLACES * pitch)
    axes.set_ylim(0, 1)
    axes.set_xticks(np.arange(len(names)) * pitch + 0.5, names, fontsize=4.5)
    axes.set_yticks([])
    axes.tick_params(length=0, pad=0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)


def expert_text(expert: int, counts: pd.DataFrame) -> str:
    """Number, share of all images, most frequent class and its share of the expert's."""
    own = counts[counts.expert.eq(expert)]
    main = own.loc[own.images.idxmax()]
    share, of_own = own.images.sum() / counts.images.sum(), main.images / own.images.sum()
    return f"expert {expert}: {share:.1%} of images\nmost: {main['class']} ({of_own:.0%})"


def draw(
    axes: NDArray[np.object_],
    near: pd.DataFrame,
    counts: pd.DataFrame,
    image_NHWC: NDArray[np.uint8],
) -> None:
    """A row an expert, the one most often chosen first on top."""
    class_of = counts.drop_duplicates("label").set_index("label")["class"]
    side = row_inches(len(axes)) - NAME_INCHES
    for own, expert in zip(axes, by_share(counts), strict=True):
        rows = near[near.expert.eq(expert)].sort_values("place")
        strip(own, image_NHWC[rows.image], [class_of[i] for i in rows.label], PITCH_INCHES / side)
        own.set_ylabel(expert_text(expert, counts), rotation=0, ha="right", va="center", fontsize=6)


def row_inches(rows: int) -> float:
    """Height of each of so many rows."""
    return min(ROW_INCHES, LONGEST / rows)


def by_share(counts: pd.DataFrame) -> list[int]:
    """Experts that images choose first, the one most often chosen first."""
    load = counts.groupby("expert").images.sum().sort_values(ascending=False, kind="stable")
    return [int(expert) for expert in load[load > 0].index]


def main() -> None:
    given = options(__doc__)
    *tables, images = given.table
    summary, counts, near = (pd.read_csv(path, dtype={"class": str}) for path in tables)
    runs = balanced_runs(summary, given.balanced)
    first = first_finished(runs)
    preferred = first[first.balance.eq(PREFERRED)]
    chosen = preferred if len(preferred) else first
    use_print_style()
    if chosen.empty:
        figure, axes = plt.subplots(figsize=(PAGE_INCHES, 1.5))
        note_failed_arms(figure, arms(runs))
        say(axes, "no run to draw: none of the mixture whose balance is compared finished")
    else:
        (arm,) = arms(chosen[:1]).itertuples()
        counts = counts[counts.run.eq(arm.run) & counts.router.eq("trained")]
        experts = by_share(counts)
        rows = max(1, len(experts))
        figure, grid = plt.subplots(
            rows,
            1,
            figsize=(PAGE_INCHES, 0.4 + rows * row_inches(rows)),
            squeeze=False,
        )
        figure.suptitle(f"{arm.name}, seed {arm.seed}".replace("\n", ", "), fontsize=7)
        if experts:
            draw(grid[:, 0], near[near.run.eq(arm.run)], counts, pictures(images))
        else:
            say(grid[0, 0], "no image has an expert")
    save(figure, given.pdf, given.png, *given.table)


if __name__ == "__main__":
    run(main)
