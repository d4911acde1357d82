"""What an experiment measured of code or machines, as the rows that claims read."""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from moe_core.stats.intervals import mean_interval

# about: what was measured and how, in words, as a verdict's reason has it
COLUMNS = ["fact", "about", "value", "low", "high", "unit", "n", "not_measured"]


def exact(fact: str, about: str, value: float, unit: str) -> dict[str, object]:
    """A value that is no sample of anything, such as a largest error: it has no interval."""
    ends = {"value": value, "low": math.nan, "high": math.nan}
    return {"fact": fact, "about": about, **ends, "unit": unit, "n": 1}


def of_repeats(fact: str, about: str, log_ratio_R: ArrayLike) -> dict[str, object]:
    """A ratio from its logarithm, one a repeat: their mean with its 95 % t interval.

    Repeats of one process in one place: the interval is of the clock's noise alone.
    """
    found = mean_interval(log_ratio_R)
    ends = {"value": found.mean, "low": found.low, "high": found.high}
    ratios = {name: float(np.exp(value)) for name, value in ends.items()}
    about = f"{about} (mean over repeats of one process)"
    return {"fact": fact, "about": about, **ratios, "unit": "ratio", "n": found.n}


def missing(fact: str, about: str, unit: str, why: str) -> dict[str, object]:
    """A fact that this machine could not tell."""
    return {"fact": fact, "about": about, "unit": unit, "n": 0, "not_measured": why}


def fact_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """The rows with all columns."""
    return pd.DataFrame(rows, columns=COLUMNS)
