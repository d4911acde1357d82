"""Tables of facts -> what was measured of code and machines, by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from moe_core.errors import StudyError
from moe_core.stats.intervals import Interval


@dataclass(frozen=True)
class Fact:
    """A value with its interval, whose ends are nan where it is exact; about: in words.

    Where there is no value, not_measured says why.
    """

    about: str
    interval: Interval
    unit: str
    not_measured: str


def read_facts(paths: Iterable[Path]) -> dict[str, Fact]:
    """By name, of tables with the columns of ``measure.facts``.

    Raises StudyError where two tables tell the same fact.
    """
    facts: dict[str, Fact] = {}
    for path in paths:
        for row in pd.read_csv(path).to_dict("records"):
            if row["fact"] in facts:
                raise StudyError(str(path), f"{row['fact']} stands in another table, too")
            why = "" if pd.isna(row["not_measured"]) else str(row["not_measured"])
            measured = Interval(row["value"], row["low"], row["high"], 0 if why else int(row["n"]))
            facts[str(row["fact"])] = Fact(str(row["about"]), measured, str(row["unit"]), why)
    return facts
