"""A finished run by its id, as its summary tells it. Free of torch."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moe_core import failures
from moe_core.damaged import damaged
from moe_core.errors import StudyError
from moe_core.runs import AdapterSpec, ImageSpec, Row, RunSpec, read_row


def finished_run(run: str, results: Path) -> tuple[dict[str, Any], Row]:
    """Summary and row. Raises StudyError where there is no such run, for one that failed, and for
    a summary that is none.
    """
    path = results / "runs" / run / "summary.json"
    try:
        summary: Any = json.loads(path.read_bytes())
    except OSError:
        raise StudyError(
            "run", f"{path.parent} holds no finished run", "see `python -m moe_core runs`"
        ) from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    try:
        reason = failures.reason(summary)
        spec = read_row(summary["spec"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("spec", *first["loc"])))
        raise StudyError(f"{path}: {place}", first["msg"]) from None
    except (KeyError, TypeError):
        raise StudyError(str(path), "is no summary of a run") from None
    if reason:
        raise StudyError("run", f"{run} failed: {reason}")
    return summary, spec


def finished_model(run: str, results: Path) -> tuple[dict[str, Any], RunSpec]:
    """The same of a language model. Raises StudyError for adapters and image models, too."""
    summary, spec = finished_run(run, results)
    return summary, row_of_model(run, spec)


def row_of_model(run: str, spec: Row) -> RunSpec:
    """The row, if it is of a language model. Raises StudyError if it is of anything else."""
    if isinstance(spec, AdapterSpec):
        raise StudyError(
            "run", f"{run} is adapters, not a model", "see `python -m moe_core adapter --help`"
        )
    if isinstance(spec, ImageSpec):
        raise StudyError("run", f"{run} is an image model, not a language model")
    return spec
