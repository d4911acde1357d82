"""What benchmarks/compute.py measured, as tables."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from moe_core.errors import StudyError


def measured(path: Path, section: str) -> pd.DataFrame:
    """Rows of a section. Raises StudyError where the run left it out."""
    rows = [row for row in json.loads(path.read_text())["rows"] if row["section"] == section]
    if not rows:
        raise StudyError(str(path), f"has no rows of section {section!r}", "run all sections")
    return pd.DataFrame(rows)


def machine(path: Path) -> str:
    """The device and the versions behind the figures."""
    result = json.loads(path.read_text())
    process, packages = result["process"], result["environment"]["packages"]
    plural = "s" if process["threads"] > 1 else ""
    return (
        f"{process['device_name']}, {process['threads']} thread{plural}, torch {packages['torch']}"
    )


def ours_first(names: Iterable[str]) -> list[str]:
    """Distinct names: ``auto``, our other backends, the peers."""
    distinct = list(dict.fromkeys(names))
    return sorted(distinct, key=lambda name: (name != "ours, auto", not name.startswith("ours")))
