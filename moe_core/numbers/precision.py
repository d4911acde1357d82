"""Numbers of routers in lower precision."""

from collections.abc import Iterator

import pandas as pd

from moe_core.analysis.flip_columns import EDGES, ROUNDED
from moe_core.numbers.number import Number, finite


def precision_numbers(flips: pd.DataFrame, speed: pd.DataFrame) -> Iterator[Number]:
    """Where the choices that change stand, and how long a router's product takes."""
    yield Number("precision/nearest", EDGES[2], "share", "precision_flips")
    yield Number("precision/device", str(speed.device_name.iloc[0]), "text", "precision_speed")
    local = flips[flips.kind.eq("local")]
    for precision in ROUNDED:
        own = local[local.router_precision.eq(precision)]
        changed = own.set_changed.sum()
        nearest = own[own["bin"] < 2].set_changed.sum() / changed if changed else None
        key = f"precision/{precision}"
        yield Number(f"{key}/of_nearest", finite(nearest), "share", "precision_flips")
        ratio = speed[speed.router_precision.eq(precision)].ratio
        for name, value in (("low", ratio.min()), ("high", ratio.max())):
            yield Number(f"{key}/time_{name}", float(value), "ratio", "precision_speed")
