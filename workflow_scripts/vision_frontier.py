"""Frontier of image models: accuracy against FLOPs of an image, and against measured latency."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from moe_core.claims.arms import RESNET
from moe_core.figures.style import (
    PAGE_INCHES,
    Look,
    look,
    marked,
    move_apart,
    note_failed,
    point_text,
    save,
    say,
    use_print_style,
)
from moe_core.vision.checks import SOFT_MOE
from workflow_scripts.command import parser, path_argument, run

OTHERS = {
    SOFT_MOE: Look("Soft MoE", (0.55, 0.1, 0.5), "*", hollow=False),
    RESNET: Look("ResNet-18", (0.45, 0.45, 0.45), "s", hollow=False),
}


def drawn_as(strategy: str) -> Look:
    """A strategy as in every figure, and what is none."""
    return OTHERS.get(strategy) or look(strategy)


def point_name(arm: pd.Series) -> str:
    """What tells an arm apart."""
    if arm.strategy == "dense":
        return f"dense {arm.channels}"
    label = drawn_as(arm.strategy).label
    if arm.strategy == RESNET:
        return label
    if arm.strategy == SOFT_MOE:
        return f"{label}, {arm.num_experts:.0f} experts"
    return f"{label}, {arm.top_k:.0f} of {arm.num_experts:.0f}"


def compared(arms: pd.DataFrame) -> pd.DataFrame:
    """Of arms that differ in how load is balanced alone, the one with the Switch loss."""
    usual = arms.assign(unusual=arms.balance.notna() & arms.balance.ne("switch"))
    usual = usual.sort_values("unusual", kind="stable")
    kept = usual.drop_duplicates(["strategy", "num_experts", "top_k", "channels"])
    return kept.drop(columns="unusual").sort_index()


def with_cost(arms: pd.DataFrame, cost: pd.DataFrame) -> pd.DataFrame:
    """Arms with FLOPs of an image and microseconds of one, as timed at the largest batch."""
    own = cost[cost.conditional.ne(False) & cost.batch_size.eq(cost.batch_size.max())]
    per_image = {
        end: 1e3 * own[f"ms{end}"] / own.batch_size
        for end in ("", "_lower_quartile", "_upper_quartile")
    }
    own = own.assign(**{f"us{end}": values for end, values in per_image.items()})
    keys = ["cell", "batch_size", "flops_per_image", *(f"us{end}" for end in per_image)]
    return arms.merge(own[keys], "inner", "cell", validate="1:1")


def draw(axes: Axes, arms: pd.DataFrame, x: str) -> None:
    """Points with intervals; the dense CNNs joined, as what a mixture must beat."""
    dense = arms[arms.strategy.eq("dense")].sort_values(x)
    axes.plot(dense[x], dense.accuracy, color="0.75", lw=2.5, zorder=0)
    names = []
    for _, arm in arms.iterrows():
        style = drawn_as(arm.strategy)
        low, high = (abs(arm[f"accuracy{end}"] - arm.accuracy) for end in ("_low", "_high"))
        axes.errorbar(
            arm[x],
            arm.accuracy,
            yerr=[[0 if pd.isna(low) else low], [0 if pd.isna(high) else high]],
            xerr=[[arm.us - arm.us_lower_quartile], [arm.us_upper_quartile - arm.us]]
            if x == "us"
            else None,
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=5,
            elinewidth=0.6,
        )
        names.append(point_text(axes, arm[x], arm.accuracy, arm.name_drawn, style.color))
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.1)
    move_apart(axes, names, arms[x].to_list(), arms.accuracy.to_list())


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "arms", "cost", "pdf", "png")
    given = arguments.parse_args()
    arms = compared(pd.read_csv(given.arms))
    names = [point_name(arm) for _, arm in arms.iterrows()]
    arms = arms.assign(name=names, name_drawn=list(map(marked, names, arms.n_failed)))
    cost = pd.read_csv(given.cost)
    drawn = with_cost(arms[arms.accuracy.notna()], cost)
    use_print_style()
    figure, (by_flops, by_time) = plt.subplots(1, 2, figsize=(PAGE_INCHES, 3.6), sharey=True)
    note_failed(figure, arms)
    if drawn.empty:
        say(by_flops, "no run of this experiment finished")
        by_time.set_axis_off()
    else:
        draw(by_flops, drawn, "flops_per_image")
        draw(by_time, drawn, "us")
        images, batch = drawn.images.iloc[0], drawn.batch_size.iloc[0]
        by_flops.set(xlabel="FLOPs of an image", ylabel=f"test accuracy ({images})")
        where = f"batches of {batch}, {cost.device_name.iloc[0]}"
        by_time.set(xlabel=f"microseconds an image ({where})")
    save(figure, given.pdf, given.png, given.arms, given.cost)


if __name__ == "__main__":
    run(main)
