"""Rows of the routing tables, a strategy at a time, as figures draw them."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moe_core.failures import brief
from moe_core.figures.order import order
from moe_core.figures.style import PAGE_INCHES, look, marked, note_failed, say

TEXTS = ("text", "experts", "weights", "dropped")


def read(path: Path) -> pd.DataFrame:
    """A table of routing as it was written: a token ``NA`` is text, an empty field is missing."""
    return pd.read_csv(
        path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXTS, "str")
    )


@dataclass(frozen=True)
class Panel:
    """A strategy's runs at the largest capacity factor: rows of those that finished.

    n: runs that finished; n_failed: those that did not; failure: why the first of them did not.
    """

    strategy: str
    rows: pd.DataFrame
    n: int
    n_failed: int
    failure: str

    @property
    def name(self) -> str:
        """Its label, marked where runs failed."""
        return marked(look(self.strategy).label, self.n_failed)

    @property
    def counted(self) -> str:
        """Its name, with how many seeds finished."""
        return f"{self.name}, n={self.n}"

    def one_layer(self) -> pd.DataFrame:
        """Rows of the first seed's last layer: names of experts mean the same in it."""
        first = self.rows[self.rows.seed.eq(self.rows.seed.min())]
        return first[first.layer.eq(first.layer.max())]


def panels(table: pd.DataFrame, strategies: list[str], tokens: str | None = None) -> list[Panel]:
    """Those of the strategies that the table has runs of, in drawing order.

    tokens: of the runs on this text alone. Runs with a shared expert are left out.
    """
    kept = table[table.shared_hidden.eq(0) & table.strategy.isin(strategies)]
    if tokens is not None:
        kept = kept[kept.tokens.eq(tokens)]
    kept = kept[kept.capacity_factor.eq(kept.capacity_factor.max())]
    found = []
    for strategy in order(list(kept.strategy)):
        own = kept[kept.strategy.eq(strategy)]
        failed = own[own.failure.notna()]
        rows = own[own.failure.isna()]
        why = brief(failed.failure.iloc[0]) if len(failed) else ""
        found.append(Panel(strategy, rows, rows.run.nunique(), failed.run.nunique(), why))
    return found


def note_failed_of(figure: Figure, found: list[Panel]) -> None:
    """Above a figure, how many seeds of which strategies failed, if any."""
    counts = [(look(panel.strategy).label, panel.n, panel.n_failed) for panel in found]
    note_failed(figure, pd.DataFrame(counts, columns=["name", "n", "n_failed"]))


def grid(
    found: list[Panel], columns: int, row_inches: float, rows_of_a_panel: int = 1
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of page width with as many axes for each panel, below each other.

    Titles are the strategies' names. The first axes of a panel without rows say why it has none;
    without a panel the whole figure says so.
    """
    columns = max(1, min(columns, len(found)))
    bands = max(1, -(-len(found) // columns))
    figure, axes = plt.subplots(
        bands * rows_of_a_panel,
        columns,
        figsize=(PAGE_INCHES, 0.3 + bands * rows_of_a_panel * row_inches),
        squeeze=False,
    )
    note_failed_of(figure, found)
    placed = []
    for place in range(bands * columns):
        band, column = divmod(place, columns)
        own = [axes[band * rows_of_a_panel + row][column] for row in range(rows_of_a_panel)]
        if place >= len(found) or found[place].rows.empty:
            for empty in own:
                empty.set_axis_off()
        if place < len(found):
            characters = int(16 * PAGE_INCHES / columns)  # of 7 points
            own[0].set_title(fill(found[place].name, characters), fontsize=7)
            if found[place].rows.empty:
                say(own[0], f"failed: {found[place].failure}")
            placed.append(own)
    if not found:
        say(axes[0][0], "no run to draw: none of these strategies has rows in the table")
    return figure, placed


def by_load(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of experts with ``rank``: 0 for the busiest expert of its run and layer.

    Numbers of experts mean nothing across seeds; ranks may be averaged.
    """
    shares = rows.groupby(["run", "layer"]).share
    ranks = shares.rank(method="first", ascending=False).astype(int) - 1
    return rows.assign(rank=ranks)
