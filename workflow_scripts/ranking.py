"""Ranking: bits per byte less the dense model of equal active FLOPs, with intervals."""

import matplotlib.pyplot as plt
import pandas as pd

from moe_core.failures import causes
from moe_core.figures.style import (
    COLUMN_INCHES,
    ink,
    look,
    marked,
    note_failed,
    save,
    use_print_style,
)
from workflow_scripts.command import parser, path_argument, run

DIFFERENCE = "bits_per_byte_minus_dense"


def hole(cell: pd.Series) -> str:
    """Why a cell has no difference."""
    if cell.n == 0:
        return f"failed: {causes(cell.failures)}"
    return "no seed of which it and its dense model finished"


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "pdf", "png")
    given = arguments.parse_args()
    cells = pd.read_csv(given.table)
    pairs = {f"{DIFFERENCE}_n": "pairs", f"{DIFFERENCE}_n_failed": "failed_pairs"}
    cells = cells.rename(columns=pairs)
    cells = cells[cells[DIFFERENCE].notna() | (cells.failed_pairs > 0)]
    # controls below, the best at the top, those without a seed left at the end
    cells = cells.sort_values(["control", DIFFERENCE]).reset_index(drop=True)
    several = len(cells.capacity_factor.dropna().unique()) > 1
    names = cells.label + (cells.capacity_factor.map(", cf {:g}".format) if several else "")
    use_print_style()
    figure, axes = plt.subplots(figsize=(COLUMN_INCHES, 0.9 + 0.17 * len(cells)))
    axes.axvline(0, color="0.6", lw=0.8)
    for place, cell in cells.iterrows():
        style = look(cell.strategy)
        if pd.isna(cell[DIFFERENCE]):
            text = axes.annotate(
                hole(cell),
                (0.02, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=6,
                color=ink(style.color),
                bbox={"facecolor": "white", "lw": 0, "pad": 1},
            )
            text.set_in_layout(False)  # or the axes would be as narrow as it leaves them
            continue
        axes.errorbar(
            cell[DIFFERENCE],
            place,
            xerr=[
                [cell[DIFFERENCE] - cell[f"{DIFFERENCE}_low"]],
                [cell[f"{DIFFERENCE}_high"] - cell[DIFFERENCE]],
            ],
            color=style.color,
            marker=style.marker,
            markerfacecolor="white" if style.hollow else style.color,
            markersize=4,
            elinewidth=0.8,
        )
        train_mode = cell[DIFFERENCE] - cell.leak_premium
        if cell.leak_premium:
            axes.plot(train_mode, place, color=style.color, marker="|", markersize=7)
    axes.set_yticks(range(len(cells)), map(marked, names, cells.failed_pairs), fontsize=6.5)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    controls = int((~cells.control).sum())
    if 0 < controls < len(cells):
        axes.axhline(controls - 0.5, color="0.6", lw=0.5, ls=":")
    figure.supxlabel("bits per byte less dense of equal active FLOPs", fontsize=8)
    failed = {"name": names, "n": cells.pairs, "n_failed": cells.failed_pairs}
    note_failed(figure, pd.DataFrame(failed), "pairs with dense")
    save(figure, given.pdf, given.png, given.table)


if __name__ == "__main__":
    run(main)
