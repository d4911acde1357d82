"""A finished run by its id, as its summary tells it. Free of torch."""

import json
from pathlib import Path
from typing import Any

from moe_core import failures
from moe_core.errors import StudyError
from moe_core.runs import AdapterSpec, RunSpec, read_row


def finished_run(run: str, results: Path) -> tuple[dict[str, Any], RunSpec | AdapterSpec]:
    """Summary and row. Raises StudyError where there is no such run, and for one that failed."""
    folder = results / "runs" / run
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    except OSError:
        raise StudyError(
            "run", f"{folder} holds no finished run", "see `python -m moe_core runs`"
        ) from None
    if reason := failures.reason(summary):
        raise StudyError("run", f"{run} failed: {reason}")
    return summary, read_row(summary["spec"])


def finished_model(run: str, results: Path) -> tuple[dict[str, Any], RunSpec]:
    """The same of a model. Raises StudyError for adapters, too."""
    summary, spec = finished_run(run, results)
    if isinstance(spec, AdapterSpec):
        raise StudyError(
            "run", f"{run} is adapters, not a model", "see `python -m moe_core adapter --help`"
        )
    return summary, spec
