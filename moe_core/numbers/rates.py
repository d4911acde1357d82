"""Numbers of the choice of learning rates."""

from collections.abc import Iterator

import pandas as pd

from moe_core.numbers.number import Number, finite, words


def rate_numbers(choice: pd.DataFrame) -> Iterator[Number]:
    """What the shared learning rate costs the strategies that were tuned."""

    def arm(row: pd.Series) -> str:
        width = f", F = {row.ffn_hidden:.0f}" if row.strategy == "dense" else ""
        return f"{row.strategy}{width}"

    worst = finite(choice.regret_bits_per_byte.max())
    on_edge = [arm(row) for _, row in choice[choice.best_on_edge].iterrows()]
    yield Number("rates/arms", len(choice), "count", "choice")
    yield Number("rates/edge", edge(on_edge, len(choice)), "text", "choice")
    lost = choice[choice.failures.notna()]
    failed = [f"{arm(row)} ({row.failures})" for _, row in lost.iterrows()]
    sentence = f"Rates at which a seed failed are not compared: {'; '.join(failed)}."
    yield Number("rates/failed", sentence if failed else "", "text", "choice")
    yield Number("rates/regret_max", worst, "bits_per_byte", "choice")
    yield Number("rates/seeds", int(choice.tuning_seeds.min()), "count", "choice")
    yield Number("rates/steps", int(choice.steps.max()), "count", "choice")


def edge(on_edge: list[str], arms: int) -> str:
    """Whether the grid of learning rates was wide enough, as a sentence."""
    if not on_edge:
        return f"Of {arms} arms none is best at an end of it."
    names = words(on_edge)
    return f"Of {arms} arms these are best at an end of it, perhaps better still beyond: {names}."
