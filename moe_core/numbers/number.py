"""What the report's text may cite."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Number:
    """One citable value; unit: how it is read and typeset; source: the input it is from.

    runs: ids of those it is from, with spaces between; None for all of the source's.
    """

    key: str
    value: str | float | int | None
    unit: str
    source: str
    low: float | None = None
    high: float | None = None
    n: int | None = None
    runs: str | None = None


def sequence(values: list[float]) -> str:
    """Settings in a sentence, whole ones with a decimal."""
    return words(f"{v:g}" if v % 1 else f"{v:.1f}" for v in values)


def words(labels: Iterable[str]) -> str:
    """Names in a sentence, ``none`` without any."""
    *first, last = [*labels] or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def finite(value: float | None) -> float | None:
    """None for nan, as where one seed leaves nothing to detect with, or all failed."""
    return float(value) if pd.notna(value) else None
