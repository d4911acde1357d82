"""The table of all audits stops the workflow where a declaration is broken."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

from moe_core.audits.audit import AuditRow
from moe_core.errors import StudyError
from workflow_scripts import audits

HONEST = AuditRow(
    cell="softk-e8k2-cf1.25",
    strategy="softk",
    audit="suffix",
    router="trained",
    mode="train",
    declared=True,
    failures=0,
    trials=256,
    low=0.0,
    high=0.0148,
    max_change=1e-15,
    passed=True,
)
OPEN = replace(
    HONEST, strategy="expert_choice", declared=False, failures=256, max_change=0.4, passed=False
)
LEAK = replace(HONEST, strategy="top1", router="skewed", failures=3, max_change=0.1, passed=False)
UNMEASURED = replace(
    HONEST, audit="gradient", failures=1, trials=2, max_change=float("nan"), passed=False
)


def table(folder: Path, patch: pytest.MonkeyPatch, *files: list[AuditRow]) -> Path:
    """Run the command on one CSV a list."""
    paths = [folder / f"{i}.csv" for i in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        pd.DataFrame([asdict(row) for row in rows]).to_csv(path, index=False)
    out = folder / "audits.csv"
    patch.setattr(sys, "argv", ["audits", "--out", str(out), "--audits", *map(str, paths)])
    audits.main()
    return out


def test_open_failures_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = pd.read_csv(table(tmp_path, monkeypatch, [HONEST, OPEN], [HONEST]))
    assert written.strategy.tolist() == ["softk", "expert_choice", "softk"]
    assert written.iloc[1].to_dict() == asdict(OPEN)


def test_breaches_stop_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudyError) as error:
        table(tmp_path, monkeypatch, [HONEST, LEAK], [OPEN, UNMEASURED])
    assert str(error.value) == (
        "audits: top1 suffix (skewed router, train mode): 3/256 failed, "
        "softk gradient (trained router, train mode): 1/2 failed; "
        "mend the strategy, or what its file declares"
    )
    assert not (tmp_path / "audits.csv").exists()
