"""Vocabulary: how much more of a token goes to its favourite expert than of all tokens."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from moe_core.figures.panels import Panel, note_failed_of, panels, read
from moe_core.figures.style import PAGE_INCHES, look, save, say, use_print_style
from moe_core.figures.token_text import drawn
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

SEEN = 20  # times at least, of tokens given as examples
EXAMPLES = 14  # tokens of an expert


def reached(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds, falling, and the share of occurrences whose token has at least that excess."""
    excess = (rows.share - rows.expert_share).to_numpy()
    falling = np.argsort(-excess, kind="stable")
    weight = rows.num_tokens.to_numpy()[falling].cumsum()
    return excess[falling], weight / weight[-1]


def draw(axes: Axes, found: list[Panel]) -> None:
    """A line a strategy, over layers and seeds; thin and dashed: its untrained router."""
    for panel in found:
        style = look(panel.strategy)
        for router, rows in panel.rows.groupby("router"):
            trained = router == "trained"
            axes.plot(
                *reached(rows),
                color=style.color,
                lw=1.3 if trained else 0.7,
                ls="-" if trained else (0, (3, 2)),
                marker=style.marker if trained else "",
                markerfacecolor="white" if style.hollow else style.color,
                markersize=3.5,
                markevery=0.12,
                drawstyle="steps-post",
            )
    axes.set(xlim=(-0.03, 1.03), ylim=(0, 1.03))
    axes.tick_params(labelsize=6.5)


def examples(rows: pd.DataFrame) -> list[str]:
    """A line an expert: its most specialised tokens that were seen often enough."""
    often = rows[rows.num_tokens.ge(SEEN)].sort_values(
        ["share", "num_tokens"], ascending=False, kind="stable"
    )
    lines = []
    for expert in range(int(rows.num_experts.iloc[0])):
        own = often[often.expert.eq(expert)].head(EXAMPLES)
        told = "  ".join(
            f"{drawn(t)} {100 * s:.0f}" for t, s in zip(own.text, own.share, strict=True)
        )
        lines.append(f"{expert}:  {told or '–'}")
    return lines


def main() -> None:
    given = options(__doc__)
    table = read(given.table)
    texts = [given.tokens, *sorted(set(table.tokens) - {given.tokens})]
    by_text = {text: panels(table, given.strategies, text) for text in texts}
    finished = {text: [p for p in found if len(p.rows)] for text, found in by_text.items()}
    told = [text for text in texts if finished[text]]
    quoted = finished[told[-1]] if told else []
    use_print_style()
    lines = int(quoted[0].rows.num_experts.iloc[0]) if quoted else 1
    figure = plt.figure(figsize=(PAGE_INCHES, 2.6 + 0.14 * lines))
    upper, lower = figure.subfigures(2, 1, height_ratios=[2.6, 0.25 + 0.14 * lines])
    note_failed_of(figure, by_text[given.tokens])
    axes = upper.subplots(1, len(texts), squeeze=False)[0]
    for own, text in zip(axes, texts, strict=True):
        if finished[text]:
            draw(own, finished[text])
            own.set_title(f"{text}", fontsize=7.5)
        else:
            say(own, f"{text}: no run to draw")
    if quoted:
        # the strategy that the study names first
        panel = min(quoted, key=lambda p: given.strategies.index(p.strategy))
        rows = panel.one_layer()
        below = lower.subplots()
        below.set_axis_off()
        below.set_title(
            f"{panel.name} on {told[-1]}, last layer, first seed: tokens of each expert, "
            "with the percentage of their occurrences that have it",
            fontsize=6.5,
            loc="left",
        )
        below.text(
            0,
            1,
            "\n".join(examples(rows[rows.router.eq("trained")])),
            transform=below.transAxes,
            va="top",
            fontsize=6.5,
            linespacing=1.35,
            parse_math=False,
        )
        upper.supxlabel("share to the favourite expert, less that expert's share", fontsize=7.5)
        upper.supylabel("share of test tokens with at least that", fontsize=7.5)
        keys = [
            Line2D(
                [],
                [],
                color=look(p.strategy).color,
                marker=look(p.strategy).marker,
                ms=3.5,
                mfc="white" if look(p.strategy).hollow else look(p.strategy).color,
                label=p.counted,
            )
            for p in finished[told[0]]
        ]
        keys.append(Line2D([], [], color="0.4", lw=0.7, ls=(0, (3, 2)), label="untrained"))
        upper.legend(handles=keys, loc="outside right center", frameon=False, fontsize=6.5)
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
