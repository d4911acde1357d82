"""What the routers decide on each token of a quoted text."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Choice:
    """An assignment of a token: its expert, its combine weight, and whether it was dropped."""

    expert: int
    weight: float
    dropped: bool


def choices(token: pd.Series) -> list[Choice]:
    """Assignments of a row of ``excerpt.csv``, the first choice first; none: no expert has it."""
    if pd.isna(token.experts):
        return []
    lists = (token.experts.split(), token.weights.split(), token.dropped.split())
    return [
        Choice(int(expert), float(weight), dropped == "1")
        for expert, weight, dropped in zip(*lists, strict=True)
    ]
