"""What a run leaves: metrics by evaluation, nats by story, weights and, last, a summary."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save

from moe_core.provenance import canonical_json, write_atomic
from moe_core.training.health import warnings
from moe_core.training.run import TrainedRun


def finished(trained: TrainedRun, noticed: list[str]) -> dict[str, Any]:
    """Of a run that came to its end: rows, stories, tensors and its part of the summary."""
    return {
        "rows": trained.rows,
        "stories": trained.stories,
        "tensors": trained.model.stored_tensors(),
        "status": "finished",
        "failure": None,
        "warnings": noticed + warnings(trained.rows),
        "test": trained.test,
    }


def write(folder: Path, result: dict[str, Any], summary: dict[str, Any]) -> None:
    """The four files, the summary last."""
    rows = "".join(canonical_json(row) + "\n" for row in result.pop("rows"))
    stories = _table(result.pop("stories"))
    tensors = {name: t.contiguous().cpu() for name, t in result.pop("tensors").items()}
    folder.mkdir(parents=True, exist_ok=True)  # a later snakemake may have removed it meanwhile
    write_atomic(folder / "weights.safetensors", save(tensors))
    write_atomic(folder / "metrics.jsonl", rows)
    write_atomic(folder / "stories.csv", stories)
    text = json.dumps(summary | result, indent=1, sort_keys=True)
    write_atomic(folder / "summary.json", text)


def _table(columns: dict[str, np.ndarray]) -> str:
    """CSV of numbers in full precision; pandas would take longer to load than this to write."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in [columns, *rows])
