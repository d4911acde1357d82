"""Numbers of the experiment perft, and of what its methods cost."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from moe_core.adapters.labels import how_many
from moe_core.numbers.number import Number, finite

TASKS = {
    "stories": ("stories in the style of telegrams", "bits per byte of test stories"),
    "commonsense": ("multiple choice in the form of commonsense_170k", "bits per answer"),
}


def arm_name(arm: pd.Series) -> str:
    """A method with its adapters and rank."""
    rank = f"rank {arm['rank']}" if arm["rank"] else ""
    many = how_many(arm.strategy, arm.num_adapters, arm.top_k)
    setting = ", ".join(part for part in (many, rank) if part)
    return f"{arm.label} ({setting})" if setting else str(arm.label)


def adapter_numbers(arms: pd.DataFrame) -> Iterator[Number]:
    """What the adapters reached, against the base alone and against one another."""
    task, unit = TASKS[arms.task.iloc[0]]
    lost = arms[arms.n_failed > 0]
    failed = f"{lost.n_failed.sum():.0f} runs of adapters failed; means are of the others."
    yield Number("perft/task", task, "text", "adapters")
    yield Number("perft/unit", unit, "text", "adapters")
    yield Number("perft/arms", len(arms), "count", "adapters")
    yield Number("perft/runs", int((arms.n + arms.n_failed).sum()), "count", "adapters")
    yield Number("perft/seeds", int(arms.n.max()), "count", "adapters")
    yield Number("perft/steps", int(arms.steps.iloc[0]), "count", "adapters")
    yield Number("perft/failed", failed if len(lost) else "", "text", "adapters")
    finished = arms[arms.bits_per_byte.notna()]
    base = finite(arms.bits_per_byte_base.iloc[0])
    yield Number("perft/base", base, "bits_per_byte", "adapters")
    adapters = finished[finished.strategy.ne("full")].sort_values("bits_per_byte")
    for name, place in (("best", 0), ("worst", -1)):
        row = adapters.iloc[place] if len(adapters) else None
        label = "none" if row is None else arm_name(row)
        ids = None if row is None else row.runs
        keys = [f"bits_per_byte{end}" for end in ("", "_low", "_high")]
        bits, low, high = (None if row is None else finite(row[key]) for key in keys)
        n = 0 if row is None else int(row.n)
        yield Number(f"perft/{name}/label", label, "text", "adapters", runs=ids)
        yield Number(f"perft/{name}/bits", bits, "bits_per_byte", "adapters", low, high, n, ids)
    full = finished[finished.strategy.eq("full")]
    bits = finite(full.bits_per_byte.iloc[0]) if len(full) else None
    yield Number("perft/full/bits", bits, "bits_per_byte", "adapters")
    routed = finished[finished.strategy.eq("perft_r")]
    for key, unit_of in (("load_cv", "ratio"), ("drop_rate", "share")):
        for end in ("min", "max"):
            value = finite(routed[key].agg(end)) if len(routed) else None
            yield Number(f"perft/routed/{key}_{end}", value, unit_of, "adapters")
    base_load = finished[finished.strategy.eq("perft_e")].load_cv
    yield Number(
        "perft/base_load_cv",
        finite(base_load.mean()) if len(base_load) else None,
        "ratio",
        "adapters",
    )


def adapter_cost_numbers(measured: dict[str, Any]) -> Iterator[Number]:
    """What a step costs, as stored with the code."""
    rows, source = measured["methods"], "costs_of_adapters"
    yield Number("perft/cost/device", measured["process"]["device_name"], "text", source)
    for method, row in rows.items():
        yield Number(f"perft/cost/{method}/over_full", row["step_over_full"], "ratio", source)
        yield Number(f"perft/cost/{method}/over_lora", row["step_over_lora"], "ratio", source)
