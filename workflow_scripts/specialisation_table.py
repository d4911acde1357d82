"""Typeset what the routers of each strategy specialise in, beside the untrained router."""

import pandas as pd

from moe_core.figures.order import is_control, order
from moe_core.figures.typeset import escape, tabular, typeset
from moe_core.numbers.analysis import analysis_numbers
from moe_core.numbers.number import Number
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

HEADS = {
    "space_primary_share": "Spaces",
    "space_primary_share_gain": "gain",
    "class_nats": "Class",
    "class_nats_gain": "gain",
    "story_given_token_nats": "Story",
    "agreement_across_seeds": "Seeds",
    "agreement_across_strategies": "Strategies",
}
WITH_INTERVAL = ("space_primary_share", "class_nats_gain")  # the others stand as means


def cell(key: str, number: Number | None) -> str:
    """A mean, with its interval where the table has room for it."""
    if number is None:
        return "--"
    mean, low, high = (typeset(x, number.unit) for x in (number.value, number.low, number.high))
    if key not in WITH_INTERVAL or number.low is None:
        return mean
    return rf"{mean} {{\scriptsize[{low}, {high}]}}"


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "table", "out")
    given = arguments.parse_args()
    numbers = {number.key: number for number in analysis_numbers(pd.read_csv(given.table))}
    found = list(dict.fromkeys(tuple(key.split("/")[1:3]) for key in numbers))
    lines = []
    for tokens in dict.fromkeys(tokens for tokens, _ in found):
        lines += [r"\midrule"] if lines else []
        for strategy in order([s for t, s in found if t == tokens]):
            if is_control(strategy) and strategy != "position_hash":
                continue
            prefix = f"analysis/{tokens}/{strategy}"
            n = max(numbers[f"{prefix}/{k}"].n or 0 for k in HEADS if f"{prefix}/{k}" in numbers)
            cells = [cell(key, numbers.get(f"{prefix}/{key}")) for key in HEADS]
            label = escape(str(numbers[f"{prefix}/label"].value))
            lines.append(" & ".join([escape(tokens), label, *cells, str(n)]))
    head = " & ".join(["Text", "Strategy", *HEADS.values(), "$n$"])
    write_atomic(given.out, tabular("ll" + "r" * (len(HEADS) + 1), head, lines))


if __name__ == "__main__":
    run(main)
