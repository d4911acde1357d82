"""Runs that failed, in words: what tables, figures and verdicts say in the place of a measure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a training job asks for reasons, and need not wait for pandas
    import pandas as pd


def reason(summary: Mapping[str, Any]) -> str | None:
    """``divergence at step 840: loss 6.1 nats, …`` of a run's summary; None where it finished."""
    failure = summary["failure"]
    if summary["status"] == "finished":
        return None
    return f"{failure['cause']} at step {failure['step']}: {failure['detail']}"


def brief(text: str) -> str:
    """A reason without its detail."""
    return text.partition(": ")[0]


def by_seed(runs: "pd.DataFrame") -> str:
    """``seed 3: divergence at step 840; …`` of those rows of a summary that failed."""
    failed = runs[runs.status.eq("failed")]
    return "; ".join(
        f"seed {seed:.0f}: {brief(text)}"
        for seed, text in zip(failed.seed, failed.failure, strict=True)
    )


def causes(failures: str) -> str:
    """The causes in what `by_seed` says, each once, whatever the seed and the step."""
    told = (reason.partition(": ")[2].partition(" at step ")[0] for reason in failures.split("; "))
    return ", ".join(dict.fromkeys(told))
