"""Token routing: a text coloured by the expert that each token chooses first."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from moe_core.figures.excerpts import choices
from moe_core.figures.panels import grid, panels, read
from moe_core.figures.style import save, use_print_style
from moe_core.figures.token_text import drawn
from workflow_scripts.command import run
from workflow_scripts.routing_figure import options

COLUMNS = 64
LINES = 4  # at most: 256 characters, or fewer longer tokens


def expert_colors(num_experts: int) -> list[tuple[float, float, float]]:
    """A light colour for each expert, on which black type can be read."""
    colors = [c for i, c in enumerate(sns.color_palette("colorblind")) if i != 7]  # 7 is grey
    if num_experts > len(colors):
        colors = sns.color_palette("husl", num_experts)
    return [tuple(0.45 + 0.55 * part for part in color) for color in colors]


def flow(widths: list[int]) -> list[tuple[int, int]]:
    """Line and first column of each token, in lines of ``COLUMNS`` characters."""
    places, line, column = [], 0, 0
    for width in widths:
        if column and column + width > COLUMNS:
            line, column = line + 1, 0
        places.append((line, column))
        column += width
    return places


def draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Lines of text; under each token its expert; struck: all its assignments were dropped."""
    colors = expert_colors(int(rows.num_experts.iloc[0]))
    texts = [drawn(text) for text in rows.text]
    places = flow([len(text) for text in texts])
    shown = sum(line < LINES for line, _ in places)
    rows, texts, places = rows.head(shown), texts[:shown], places[:shown]
    for (line, column), text, (_, token) in zip(places, texts, rows.iterrows(), strict=True):
        chosen = choices(token)
        color = colors[chosen[0].expert] if chosen else "white"
        axes.add_patch(Rectangle((column, line), len(text), 0.94, facecolor=color, lw=0))
        middle = column + len(text) / 2
        expert = str(chosen[0].expert) if chosen else "–"
        centred = {"ha": "center", "va": "center"}
        axes.text(middle, line + 0.28, text, **centred, fontsize=7, parse_math=False)
        axes.text(middle, line + 0.72, expert, **centred, fontsize=6, color="0.25")
        if chosen and all(choice.dropped for choice in chosen):
            ends = (column + 0.08, column + len(text) - 0.08)
            axes.plot(ends, [line + 0.9, line + 0.04], color="black", lw=0.8)
    axes.set(xlim=(0, COLUMNS), ylim=(places[-1][0] + 1, 0))
    axes.set_axis_off()


def main() -> None:
    given = options(__doc__)
    found = panels(read(given.table), given.strategies, given.tokens)
    use_print_style()
    figure, placed = grid(found, columns=1, row_inches=1.1)
    for panel, (axes,) in zip(found, placed, strict=True):
        if len(panel.rows):
            draw(axes, panel.one_layer().sort_values("place"))
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
