"""Frontier of image models: accuracy against FLOPs of an image, and against measured latency."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from moe_core.claims.arms import RESNET
from moe_core.figures.style import (
    PAGE_INCHES,
    look,
    marked,
    note_failed,
    save,
    say,
    use_print_style,
)
from moe_core.vision.checks import SOFT_MOE
from workflow_scripts.command import parser, path_argument, run

SHAPES = ("o", "s", "D", "^", "v", "P", "X", "p", "h", "*", "<", ">")
OTHERS = {SOFT_MOE: (0.55, 0.1, 0.5), RESNET: (0.45, 0.45, 0.45)}


def arm_name(arm: pd.Series) -> str:
    """What tells an arm apart in the legend."""
    if arm.strategy in ("dense", RESNET):
        return "dense CNNs" if arm.strategy == "dense" else str(arm.label)
    if arm.strategy == SOFT_MOE:
        return f"{arm.label}, {arm.num_experts:.0f} experts"
    return f"{arm.label}, {arm.top_k:.0f} of {arm.num_experts:.0f}"


def with_looks(arms: pd.DataFrame) -> pd.DataFrame:
    """Arms with name, colour and marker: a colour a strategy, a marker an arm; dense ones alike."""
    names = [arm_name(arm) for _, arm in arms.iterrows()]
    places = {name: i for i, name in enumerate(dict.fromkeys(names)) if name != "dense CNNs"}
    rank = {name: i for i, name in enumerate(places)}
    return arms.assign(
        name=names,
        color=[OTHERS.get(s) or look(s).color for s in arms.strategy],
        marker=["." if n == "dense CNNs" else SHAPES[rank[n] % len(SHAPES)] for n in names],
    )


def compared(arms: pd.DataFrame) -> pd.DataFrame:
    """Of arms that differ in how load is balanced alone, the one with the Switch loss."""
    usual = arms.assign(unusual=arms.balance.notna() & arms.balance.ne("switch"))
    usual = usual.sort_values("unusual", kind="stable")
    kept = usual.drop_duplicates(["strategy", "num_experts", "top_k", "channels"])
    return kept.drop(columns="unusual").sort_index()


def with_cost(arms: pd.DataFrame, cost: pd.DataFrame) -> pd.DataFrame:
    """Arms with millions of FLOPs and microseconds of an image, at the largest timed batch."""
    own = cost[cost.conditional.ne(False) & cost.batch_size.eq(cost.batch_size.max())]
    per_image = {
        f"us{end}": 1e3 * own[f"ms{end}"] / own.batch_size
        for end in ("", "_lower_quartile", "_upper_quartile")
    }
    own = own.assign(megaflops=own.flops_per_image / 1e6, **per_image)
    keys = ["cell", "batch_size", "megaflops", *per_image]
    return arms.merge(own[keys], "inner", "cell", validate="1:1")


def draw(axes: Axes, arms: pd.DataFrame, x: str) -> None:
    """Points with intervals; the dense CNNs joined, as what a mixture must beat."""
    dense = arms[arms.strategy.eq("dense")].sort_values(x)
    axes.plot(dense[x], dense.accuracy, color="0.75", lw=2.5, zorder=0)
    for _, arm in arms.iterrows():
        low, high = (abs(arm[f"accuracy{end}"] - arm.accuracy) for end in ("_low", "_high"))
        sides = [[arm.us - arm.us_lower_quartile], [arm.us_upper_quartile - arm.us]]
        axes.errorbar(
            arm[x],
            arm.accuracy,
            yerr=[[0 if pd.isna(low) else low], [0 if pd.isna(high) else high]],
            xerr=sides if x == "us" else None,
            color=arm.color,
            marker=arm.marker,
            markersize=5,
            elinewidth=0.6,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def legend_of(arms: pd.DataFrame) -> list[Line2D]:
    """An entry a name, marked where seeds failed."""
    entries = []
    for name, own in arms.groupby("name", sort=False):
        first, label = own.iloc[0], marked(str(name), own.n_failed.sum())
        joined = "-" if first.strategy == "dense" else ""
        entries.append(
            Line2D([], [], ls=joined, color=first.color, marker=first.marker, ms=5, label=label)
        )
    return entries


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "arms", "cost", "pdf", "png")
    given = arguments.parse_args()
    arms, cost = with_looks(compared(pd.read_csv(given.arms))), pd.read_csv(given.cost)
    drawn = with_cost(arms[arms.accuracy.notna()], cost)
    use_print_style()
    figure, (by_flops, by_time) = plt.subplots(1, 2, figsize=(PAGE_INCHES, 3.0), sharey=True)
    counts = arms.groupby("name", sort=False)[["n", "n_failed"]].sum().reset_index()
    note_failed(figure, counts)
    if drawn.empty:
        say(by_flops, "no run of this experiment finished")
        by_time.set_axis_off()
    else:
        draw(by_flops, drawn, "megaflops")
        draw(by_time, drawn, "us")
        timed = cost.iloc[0]
        by_flops.set(xlabel="million FLOPs an image", ylabel=f"test accuracy ({timed.images})")
        where = (
            f"microseconds an image\n(batches of {drawn.batch_size.iloc[0]}, {timed.device_name})"
        )
        by_time.set(xlabel=where)
        bottom, top = by_flops.get_ylim()
        by_flops.set_ylim(max(bottom, 0), min(top, 1))  # intervals of two seeds reach beyond
        handles = legend_of(arms)
        figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=6.5)
    save(figure, given.pdf, given.png, given.arms, given.cost)


if __name__ == "__main__":
    run(main)
