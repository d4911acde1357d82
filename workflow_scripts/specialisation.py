"""Specialisation: what the expert tells of a token, beside untrained routers and chance."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from moe_core.figures.order import order
from moe_core.figures.panels import Panel, note_failed_of, panels, read
from moe_core.figures.style import PAGE_INCHES, look, save, say, use_print_style
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

TITLES = {
    "class": "expert and token class",
    "token": "expert and token",
    "story given token": "expert and story, given the token",
}
INFORMATION = "beyond_chance_nats"  # less the mean of its permutation null


def draw(axes: Axes, found: list[Panel], of: str, strategies: list[str]) -> None:
    """A row a strategy: means over layers and seeds, with the range over seeds."""
    for panel in found:
        rows = panel.rows[panel.rows["of"].eq(of)]
        if rows.empty:
            continue
        place, style = strategies.index(panel.strategy), look(panel.strategy)
        by_seed = rows.groupby(["router", "seed"])[
            [INFORMATION, "null_high_nats", "null_mean_nats"]
        ]
        for router, seeds in by_seed.mean().groupby("router"):
            values, trained = seeds[INFORMATION], router == "trained"
            mean = values.mean()
            axes.errorbar(
                mean,
                place,
                xerr=[[mean - values.min()], [values.max() - mean]],
                color=style.color if trained else "0.55",
                marker="o" if trained else "s",
                markerfacecolor=style.color if trained else "white",
                markersize=4.5 if trained else 4,
                elinewidth=0.8,
                zorder=3 if trained else 2,
            )
            if trained:
                high = (seeds.null_high_nats - seeds.null_mean_nats).mean()
                axes.plot(high, place, marker="|", color="black", ms=8, mew=1)
    axes.axvline(0, color="0.6", lw=0.6)
    axes.set_title(TITLES[of], fontsize=7.5)


def main() -> None:
    given = options(__doc__)
    table = read(given.table)
    table[INFORMATION] = table.mutual_information_nats - table.null_mean_nats
    main_text = panels(table, given.strategies, given.tokens)
    subword = table[table["of"].eq("story given token")]
    measured = {"class": main_text, "token": main_text}
    if len(subword):
        measured["story given token"] = panels(subword, given.strategies)
    strategies = order([panel.strategy for found in measured.values() for panel in found])
    by_name = {p.strategy: p.counted for found in reversed(measured.values()) for p in found}
    names = [by_name[strategy] for strategy in strategies]
    use_print_style()
    figure, axes = plt.subplots(
        1, len(measured), figsize=(PAGE_INCHES, 1.1 + 0.19 * max(len(names), 3)), squeeze=False
    )
    note_failed_of(figure, main_text)
    if not any(len(panel.rows) for panel in main_text):
        for empty in axes[0]:
            empty.set_axis_off()
        say(axes[0][0], "no run to draw: no routed run of these strategies finished")
        save(figure, given.pdf, given.png, given.table)
        return
    for place, (of, found) in enumerate(measured.items()):
        own = axes[0][place]
        draw(own, found, of, strategies)
        if found is not main_text:
            own.set_title(f"{TITLES[of]}\n(subwords, n={max(p.n for p in found)})", fontsize=7.5)
        own.set_yticks(range(len(names)), names if place == 0 else [], fontsize=6.5)
        own.set_ylim(len(names) - 0.5, -0.5)
        own.grid(axis="y", lw=0.3, color="0.9")
        own.tick_params(labelsize=6.5)
        own.xaxis.set_major_locator(MaxNLocator(4))
        own.set_xlabel("mutual information (nats)", fontsize=7)
    keys = [
        Line2D([], [], ls="", marker="o", color="0.3", ms=4.5, label="trained"),
        Line2D([], [], ls="", marker="s", color="0.55", mfc="white", ms=4, label="untrained"),
        Line2D([], [], ls="", marker="|", color="black", ms=8, label="95th percentile of chance"),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=3, frameon=False, fontsize=6.5)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
