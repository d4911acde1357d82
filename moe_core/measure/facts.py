"""What an experiment measured of code or machines, as the rows that claims read."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from moe_core.stats.intervals import mean_interval

COLUMNS = ["fact", "value", "low", "high", "unit", "n", "not_measured"]


def exact(fact: str, value: float, unit: str, n: int) -> dict[str, object]:
    """A value that is no sample of anything, such as a largest error over n comparisons."""
    return {"fact": fact, "value": value, "low": value, "high": value, "unit": unit, "n": n}


def of_repeats(fact: str, log_ratio_R: ArrayLike) -> dict[str, object]:
    """A ratio from its logarithm, one a repeat: their mean with its 95 % t interval."""
    found = mean_interval(log_ratio_R)
    ends = {"value": found.mean, "low": found.low, "high": found.high}
    ratios = {name: float(np.exp(value)) for name, value in ends.items()}
    return {"fact": fact, **ratios, "unit": "ratio", "n": found.n}


def missing(fact: str, unit: str, why: str) -> dict[str, object]:
    """A fact that this machine could not tell."""
    return {"fact": fact, "unit": unit, "n": 0, "not_measured": why}


def fact_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """The rows with all columns."""
    return pd.DataFrame(rows, columns=COLUMNS)
