"""Typeset the times of the stages of routing, by shape and implementation."""

import pandas as pd

from moe_core.figures.typeset import escape, grouped, table
from moe_core.measure.stages import STAGES, VARIANTS
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


def cell(rows: pd.DataFrame) -> str:
    """Milliseconds, GB/s and share of a copy's rate; a dash where it was not measured."""
    row = rows.iloc[0]
    if pd.isna(row.ms):
        return "--"
    return rf"{row.ms:.2f} ({row.bytes_per_s / 1e9:.2g}, {100 * row.bandwidth_share:.2g}\,\%)"


def lines(kernels: pd.DataFrame) -> list[str]:
    """A line a shape and stage."""
    found: list[str] = []
    for (experts, top_k), shape in kernels.groupby(["num_experts", "top_k"]):
        found += [r"\midrule"] if found else []
        for stage in STAGES:
            of_stage = shape[shape.stage == stage]
            cells = [cell(of_stage[of_stage.variant == variant]) for variant in VARIANTS]
            named = f"{experts} & {top_k}" if stage == STAGES[0] else "&"
            found.append(" & ".join([named, stage, *cells]))
    return found


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    kernels = pd.read_csv(given.table)
    kernels = kernels[kernels.tokens == kernels.tokens.max()]
    first = kernels.iloc[0]
    absent = kernels[kernels.not_measured.notna()].drop_duplicates("variant")
    missing = "".join(f" {row.variant}: {row.not_measured}." for row in absent.itertuples())
    caption = rf"""Stages of routing of {grouped(first.tokens)} tokens: ms (GB/s of what must move,
    share of the rate of a copy of as many bytes), medians of interleaved repeats; select and move
    with their backward. Rows of width {first.dim} in {first.precision} on
    {escape(str(first.device))}. {escape(missing)}"""
    head = " & ".join(["$E$", "$K$", "Stage", *VARIANTS])
    columns = "rrl" + "r" * len(VARIANTS)
    write_atomic(given.out, table(caption, "tab:kernels", columns, head, lines(kernels)))


if __name__ == "__main__":
    run(main)
