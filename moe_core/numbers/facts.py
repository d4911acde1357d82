"""Numbers of what was measured of code and machines."""

from collections.abc import Iterator, Mapping

import pandas as pd

from moe_core.numbers.number import Number, finite


def fact_numbers(tables: Mapping[str, pd.DataFrame]) -> Iterator[Number]:
    """Each fact by its name, what it is, and why it was not measured, empty where it was.

    tables: by source.
    """
    for source, table in tables.items():
        for row in table.to_dict("records"):
            value, low, high = (finite(row[column]) for column in ("value", "low", "high"))
            key, why = f"facts/{row['fact']}", row["not_measured"]
            yield Number(key, value, row["unit"], source, low, high, int(row["n"]))
            yield Number(f"{key}/about", row["about"], "text", source)
            yield Number(f"{key}/absent", why if isinstance(why, str) else "", "text", source)
