"""Numbers of what routers specialise in, by stories' encoding and strategy."""

from collections.abc import Iterator

import pandas as pd

from moe_core.numbers.number import Number, finite
from moe_core.stats.intervals import mean_interval

MEASURES = {
    "space_primary_share": "share",
    "space_primary_share_gain": "share",
    "class_nats": "nats",
    "class_nats_gain": "nats",
    "story_given_token_nats": "nats",
    "class_less_story_nats": "nats",
    "agreement_across_seeds": "ratio",
    "agreement_across_strategies": "ratio",
}


def usual_runs(summary: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Encoding, strategy and its finished runs at its largest capacity factor, nothing shared."""
    finished = summary[summary.failure.isna() & summary.shared_hidden.eq(0)]
    for (tokens, strategy), runs in finished.groupby(["tokens", "strategy"], sort=False):
        largest = runs.capacity_factor.eq(runs.capacity_factor.max())
        yield str(tokens), str(strategy), runs[largest]


def analysis_numbers(summary: pd.DataFrame) -> Iterator[Number]:
    """Means over seeds with intervals, ``analysis/ENCODING/STRATEGY/MEASURE``.

    A measure that the encoding does not have is left out.
    """
    for tokens, strategy, runs in usual_runs(summary):
        prefix, ids = f"analysis/{tokens}/{strategy}", " ".join(runs.run)
        yield Number(f"{prefix}/label", runs.label.iloc[0], "text", "analysis", runs=ids)
        for key, unit in MEASURES.items():
            values = runs[key].dropna()
            if values.empty:
                continue
            found = mean_interval(values)
            low, high = finite(found.low), finite(found.high)
            yield Number(f"{prefix}/{key}", found.mean, unit, "analysis", low, high, found.n, ids)
