"""One source of colours, markers, labels and order for every figure and table."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from moe_core.routing import registry

COLUMN_INCHES, PAGE_INCHES = 3.5, 7.16  # IEEEtran column and text width
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "h", "*")
CONTROLS = {"dense": "dense", "ngram": "5-gram"}


@dataclass(frozen=True)
class Look:
    """How one strategy or control is drawn; hollow: it reads the future, so it is not ranked."""

    label: str
    color: tuple[float, float, float]
    marker: str
    hollow: bool


def look(name: str) -> Look:
    """Colour-blind-safe, the same in every figure; a new strategy takes the next free place."""
    if name in CONTROLS:
        grey = (0.0, 0.0, 0.0) if name == "dense" else (0.45, 0.45, 0.45)
        return Look(CONTROLS[name], grey, "o", hollow=False)
    place = registry.names().index(name)
    palette = [c for i, c in enumerate(sns.color_palette("colorblind")) if i != 7]  # 7 is grey
    declared = registry.declaration(name)
    return Look(
        declared["label"],
        palette[place % len(palette)],
        MARKERS[place % len(MARKERS)],
        hollow=not declared["causal"],
    )


def order(names: list[str]) -> list[str]:
    """Strategies as in the registry, then the controls."""
    known = [*registry.names(), *CONTROLS]
    return sorted(set(names), key=known.index)


def use_print_style() -> None:
    """Small serif-free type, thin lines, fonts embedded as outlines that can be searched."""
    sns.set_theme(context="paper", style="ticks", font_scale=0.9)
    plt.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "font.size": 8,
            "lines.linewidth": 1.3,
            "pdf.fonttype": 42,
            "savefig.dpi": 200,
        }
    )


def save(figure: Figure, pdf: Path, png: Path) -> None:
    """Write both formats, without dates, so that equal data gives equal bytes."""
    figure.savefig(pdf, metadata={"CreationDate": None, "ModDate": None})
    figure.savefig(png, metadata={"Software": None})
    plt.close(figure)
