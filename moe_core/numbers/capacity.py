"""Numbers of the capacity microbenchmark."""

from collections.abc import Iterator

import pandas as pd

from moe_core.failures import brief
from moe_core.numbers.number import Number, finite


def capacity_numbers(table: pd.DataFrame) -> Iterator[Number]:
    """What the microbenchmark says in the text."""
    holes = table[table.not_recorded.notna()].drop_duplicates("num_experts")
    table = table[table.not_recorded.isna()]
    why = [f"E = {row.num_experts} ({brief(str(row.not_recorded))})" for row in holes.itertuples()]
    sentence = f"Not recorded, for the runs to record failed: {', '.join(why)}."
    yield Number("capacity/not_recorded", sentence if why else "", "text", "microbench")
    random = table[table.assignments == "random"]
    error = (random.drop_rate - random.drop_rate_law).abs().max()
    yield Number("capacity/law_max_error", float(error), "share_fine", "microbench")
    yield Number("capacity/cells", len(table), "count", "microbench")
    yield Number("capacity/tokens", int(table.tokens.iloc[0]), "count", "microbench")
    yield Number("capacity/dim", int(table.dim.iloc[0]), "count", "microbench")
    largest = table.capacity_factor.max()
    yield Number("capacity/largest_factor", largest, "setting", "microbench")
    for source in ("random", "zipf", "recorded"):
        at_largest = table[table.assignments.eq(source) & table.capacity_factor.eq(largest)]
        low, high = (finite(at_largest.drop_rate.agg(end)) for end in ("min", "max"))
        yield Number(f"capacity/{source}/drop_at_largest_low", low, "share", "microbench")
        yield Number(f"capacity/{source}/drop_at_largest_high", high, "share", "microbench")
    for end in ("min", "max"):
        share = float(table.memcpy_share.agg(end))
        yield Number(f"capacity/memcpy_share_{end}", share, "share", "microbench")
    memcpy = float(table.memcpy_bytes_per_s.iloc[0] / 1e9)
    yield Number("capacity/memcpy", memcpy, "gbytes_per_s", "microbench")
