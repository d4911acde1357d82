"""Typeset the tables of the report: the unified results, and what each strategy declares."""

import pandas as pd

from moe_core.figures.order import order
from moe_core.figures.typeset import escape, table, typeset
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from workflow_scripts.command import parser, path_argument, run


def with_interval(row: pd.Series, key: str, unit: str) -> str:
    """``mean [low, high]``, or the mean alone where there is no interval."""
    mean, low, high = (typeset(row[k], unit) for k in (key, f"{key}_low", f"{key}_high"))
    return mean if low == "--" else rf"{mean} {{\scriptsize[{low}, {high}]}}"


FAILED = r"\,$^{\ddagger}$"  # after the name of what lost seeds


def failed_seeds(cells: pd.DataFrame) -> str:
    """A sentence of a caption: which seeds of the cells failed and why; empty if none."""
    failed = cells[cells.n_failed > 0]
    if failed.empty:
        return ""
    each = []
    for _, cell in failed.iterrows():
        dense = pd.isna(cell.capacity_factor)
        which = f"F = {cell.ffn_hidden:.0f}" if dense else f"CF {cell.capacity_factor:g}"
        each.append(f"{cell.label}, {which} ({cell.failures})")
    rest = "Means are of the other seeds and may flatter, for failures do not come at random."
    words = f"lost seeds: {', '.join(each)}. {rest}"
    return rf" $\ddagger$ {escape(words)}"


def seeds(cell: pd.Series) -> str:
    """How many finished, and of how many where some failed."""
    return f"{cell.n} of {cell.n + cell.n_failed}" if cell.n_failed else typeset(cell.n, "count")


def unified_table(aggregate: pd.DataFrame) -> str:
    """A row a cell: quality with interval, difference to dense, speed, drops and load."""
    lines = []
    places = {name: i for i, name in enumerate(order(list(aggregate.strategy)))}
    aggregate = aggregate.sort_values(
        ["control", "strategy", "shared_hidden", "capacity_factor", "ffn_hidden"],
        key=lambda column: column.map(places) if column.name == "strategy" else column,
    )
    for control, cells in aggregate.groupby("control"):
        if control:
            lines.append(r"\midrule")
        for _, cell in cells.iterrows():
            label = escape(cell.label) + ("" if cell.causal else r"\,$^{\dagger}$")
            if cell.strategy == "dense":
                label += f", $F={cell.ffn_hidden:.0f}$"
            label += FAILED if cell.n_failed else ""
            lost_pairs = FAILED if cell.bits_per_byte_minus_dense_n_failed > 0 else ""
            cells_tex = [
                label,
                typeset(cell.top_k, "count"),
                typeset(cell.capacity_factor, "setting"),
                with_interval(cell, "bits_per_byte", "bits_per_byte"),
                with_interval(cell, "bits_per_byte_minus_dense", "bits_per_byte") + lost_pairs,
                typeset(cell.bits_per_byte_minus_dense_detectable, "bits_per_byte"),
                with_interval(cell, "leak_premium", "bits_per_byte") if cell.leak_premium else "0",
                typeset(cell.assignments_per_token_causal, "ratio"),
                typeset(cell.tokens_per_s, "rate"),
                typeset(cell.drop_rate, "share"),
                typeset(cell.load_cv, "ratio"),
                typeset(cell.router_entropy_nats, "ratio"),
                seeds(cell),
            ]
            lines.append(" & ".join(cells_tex))
    caption = r"""The unified experiment: final checkpoints on test stories by the rule that a
    decoder can use, means over paired seeds with 95\,\% two-level intervals (seeds, stories).
    Difference: bits per byte less the dense model of equal active FLOPs, paired by seed and
    story; MDE: the least difference that these seeds detect with power 0.8. Leak premium:
    what the rule of training gains by tokens that a decoder does not have (as published, also
    what it loses by drops). Experts: those
    that a token reaches by a decoder's rule. Drop rate and load CV: a pass at training's
    capacity. $\dagger$ reads later tokens in training: ranked by its causal mode. Below the
    line: controls.""" + failed_seeds(aggregate)
    head = r"""Strategy & $k$ & CF & Bits per byte & Difference to dense & MDE & Leak premium &
      Experts & Tokens/s & Drop rate & Load CV & Entropy & $n$"""
    return table(caption, "tab:unified", "lrrllrlrrrrrr", head, lines)


def strategy_table(names: list[str]) -> str:
    """A row a strategy: what it declares of itself."""
    trains = {"task": "task", "balance": "balance", "none": "nothing"}
    balance = {"switch": "Switch loss", "bias": "bias", "rule": "its rule", "own": "own loss"}
    lines = []
    for name in order(names):
        declared = registry.declaration(name)
        cells = [
            escape(declared["label"]),
            "yes" if declared["causal"] else "no",
            declared["group"],
            trains[declared["router_gradient"]],
            balance[declared["balanced_by"]],
        ]
        lines.append(" & ".join(cells))
    caption = r"""What each strategy declares of its rule in training: whether later tokens
    leave earlier outputs alone, what one decision looks at, what trains its router, what
    balances it."""
    head = "Strategy & Causal & Group & Router trained by & Balanced by"
    return table(caption, "tab:strategies", "lllll", head, lines, "table", "3pt")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--names", nargs="+", required=True, help="strategies of the study")
    path_argument(arguments, "aggregate", "unified", "strategies")
    given = arguments.parse_args()
    write_atomic(given.unified, unified_table(pd.read_csv(given.aggregate)))
    write_atomic(given.strategies, strategy_table(given.names))


if __name__ == "__main__":
    run(main)
