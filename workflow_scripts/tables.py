"""Typeset the tables of the report: the unified results, and what each strategy declares."""

import pandas as pd

from moe_core.figures.style import order
from moe_core.figures.typeset import escape, typeset
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from workflow_scripts.command import parser, path_argument, run


def with_interval(row: pd.Series, key: str, unit: str) -> str:
    """``mean [low, high]``, or the mean alone where there is no interval."""
    mean, low, high = (typeset(row[k], unit) for k in (key, f"{key}_low", f"{key}_high"))
    return mean if low == "--" else rf"{mean} {{\scriptsize[{low}, {high}]}}"


def unified_table(aggregate: pd.DataFrame) -> str:
    """A row a cell: quality with interval, difference to dense, speed, drops and load."""
    lines = []
    rank = {name: i for i, name in enumerate(order(list(aggregate.strategy)))}
    aggregate = aggregate.sort_values(
        ["strategy", "capacity_factor", "ffn_hidden"],
        key=lambda column: column.map(rank) if column.name == "strategy" else column,
    )
    for strategy, cells in aggregate.groupby("strategy", sort=False):
        if strategy == "dense":
            lines.append(r"\midrule")
        for _, cell in cells.iterrows():
            label = escape(cell.label) + ("" if cell.causal else r"\,$^{\dagger}$")
            if strategy == "dense":
                label += f", $F={cell.ffn_hidden:.0f}$"
            cells_tex = [
                label,
                typeset(cell.top_k, "count"),
                typeset(cell.capacity_factor, "setting"),
                with_interval(cell, "bits_per_byte", "bits_per_byte"),
                with_interval(cell, "bits_per_byte_minus_dense", "bits_per_byte"),
                typeset(cell.tokens_per_s, "rate"),
                typeset(cell.mfu, "share"),
                typeset(cell.drop_rate, "share"),
                typeset(cell.token_drop_rate, "share"),
                typeset(cell.load_cv, "ratio"),
                typeset(cell.router_entropy_nats, "ratio"),
                typeset(cell.n, "count"),
            ]
            lines.append(" & ".join(cells_tex) + r" \\")
    body = "\n    ".join(lines)
    return rf"""\begin{{table*}}
  \caption{{The unified experiment: final checkpoints on test stories, means over paired seeds with
    95\,\% intervals. Difference: bits per byte less the dense model of equal active FLOPs, paired
    by seed. Drop rate, unserved tokens (no expert took them) and load CV: a pass at the capacity of
    training; quality: dropless. Expert choice has CV 0 by rule.
    $\dagger$ reads later tokens of its sequence: not ranked.}}
  \label{{tab:unified}}
  \centering
  \footnotesize
  \setlength{{\tabcolsep}}{{4.2pt}}
  \begin{{tabular}}{{@{{}}lrrllrrrrrrr@{{}}}}
    \toprule
    Strategy & $k$ & CF & Bits per byte & Difference to dense & Tokens/s & MFU & Drop rate &
      Unserved & Load CV & Entropy (nats) & $n$ \\
    \midrule
    {body}
    \bottomrule
  \end{{tabular}}
\end{{table*}}
"""


def strategy_table(names: list[str]) -> str:
    """A row a strategy: what it declares of itself."""
    trains = {"task": "task loss", "balance": "balance loss", "none": "none"}
    rows = []
    for name in order(names):
        declared = registry.declaration(name)
        rows.append(
            rf"\texttt{{{escape(name)}}} & {'yes' if declared['causal'] else 'no'} & "
            rf"{declared['group']} & {trains[declared['router_gradient']]} \\"
        )
    body = "\n    ".join(rows)
    return rf"""\begin{{table}}
  \caption{{What each strategy declares: whether later tokens leave earlier outputs alone, what one
    decision looks at, and what trains its router.}}
  \label{{tab:strategies}}
  \centering
  \footnotesize
  \begin{{tabular}}{{@{{}}llll@{{}}}}
    \toprule
    Strategy & Causal & Group & Router trained by \\
    \midrule
    {body}
    \bottomrule
  \end{{tabular}}
\end{{table}}
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--names", nargs="+", required=True, help="strategies of the study")
    path_argument(arguments, "aggregate", "unified", "strategies")
    given = arguments.parse_args()
    write_atomic(given.unified, unified_table(pd.read_csv(given.aggregate)))
    write_atomic(given.strategies, strategy_table(given.names))


if __name__ == "__main__":
    run(main)
