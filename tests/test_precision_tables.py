"""Tables of routers in lower precision, from rows that are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from moe_core.analysis.flip_columns import COLUMNS, EDGES, KINDS, ROUNDED
from moe_core.routing.router_net import ROUTER_PRECISIONS
from workflow_scripts import precision_arms, precision_flips, precision_runs, precision_table
from workflow_scripts.aggregate import IDENTITY

SEEDS = (0, 1, 2)
SHIFT = {"fp32": 0.0, "bf16": 0.001, "fp16": 0.0, "int8": 0.05}  # bits per byte
BYTES = np.array([10, 30])


def flips_of(changed: int) -> pd.DataFrame:
    """100 decisions a bin; of the first so many change, and twice as many where compounded."""
    rows = [
        dict(
            zip(COLUMNS, (precision, kind, 0, 0, b, 0.1 * b, 0.1 * b + 0.1, 100, 400), strict=False)
        )
        | {key: 0 for key in ("assignments_changed", "first_changed", "set_changed")}
        | (
            {"assignments_changed": 2 * times * changed, "set_changed": times * changed}
            if b == 0
            else {}
        )
        for precision in ROUNDED
        for times, kind in zip((1, 2), KINDS, strict=True)
        for b in range(len(EDGES) - 1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def study(folder: Path, failed: tuple[int, ...] = ()) -> None:
    """A soft top-k of three seeds; int8 costs 0.05 bits per byte on every story."""
    rows = []
    for seed in SEEDS:
        own: dict[str, Any] = dict.fromkeys(IDENTITY) | {"strategy": "softk", "label": "soft top-k"}
        own |= {"cell": "softk-cell", "control": False, "capacity_factor": 1.25, "num_experts": 8}
        own |= {"run": f"softk-{seed}", "seed": float(seed), "status": "finished", "failure": None}
        if seed in failed:
            own |= {"status": "failed", "failure": "divergence at step 8: 9 nats"}
        rows.append(own)
        for precision, shift in SHIFT.items():
            place = folder / f"softk-{seed}@{precision}"
            place.mkdir()
            nats = np.log(2) * BYTES * (1 + 0.1 * seed + shift)
            table = pd.DataFrame({"story": [0, 1], "bytes": BYTES, "nats": nats})
            table = table.iloc[:0] if seed in failed else table
            table.to_csv(place / "stories.csv", index=False)
        (folder / f"softk-{seed}").mkdir()
        flips = flips_of(7)
        flips = flips.iloc[:0] if seed in failed else flips
        flips.to_csv(folder / f"softk-{seed}" / "flips.csv", index=False)
    pd.DataFrame(rows).to_csv(folder / "summary.csv", index=False)


def command(monkeypatch: pytest.MonkeyPatch, module: Any, **options: Any) -> None:
    line = [module.__name__]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        line += [f"--{name}", *map(str, values)]
    monkeypatch.setattr("sys.argv", line)
    module.main()


def tables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[pd.DataFrame, pd.DataFrame]:
    """runs.csv and arms.csv, and the figure and the table drawn of them."""
    runs, arms, flips = (folder / f"{name}.csv" for name in ("runs", "arms", "flips"))
    names = [f"softk-{seed}" for seed in SEEDS]
    command(
        monkeypatch,
        precision_runs,
        summary=folder / "summary.csv",
        folder=folder,
        runs=names,
        out=runs,
        flips=flips,
    )
    command(monkeypatch, precision_arms, table=runs, folder=folder, out=arms)
    pdf, png = folder / "figure.pdf", folder / "figure.png"
    command(monkeypatch, precision_flips, table=[arms, flips], pdf=pdf, png=png)
    command(monkeypatch, precision_table, table=arms, out=folder / "table.tex")
    return pd.read_csv(runs), pd.read_csv(arms)


def test_each_run_stands_in_every_precision(tmp_path, monkeypatch):
    study(tmp_path)
    runs, arms = tables(tmp_path, monkeypatch)
    assert [*runs.run[:4]] == [f"softk-0@{precision}" for precision in ROUTER_PRECISIONS]
    assert {*runs.trained_run} == {f"softk-{seed}" for seed in SEEDS}
    assert runs.bits_per_byte.to_list() == pytest.approx(
        [1 + 0.1 * seed + shift for seed in SEEDS for shift in SHIFT.values()]
    )
    assert runs.bits_per_byte_less_fp32.to_list() == pytest.approx(3 * [*SHIFT.values()])
    rounded = runs[runs.router_precision.ne("fp32")]
    assert rounded.set_changed_local.to_list() == pytest.approx([7 / 700] * 9)
    assert rounded.set_changed_compounded.to_list() == pytest.approx([14 / 700] * 9)
    assert rounded.assignments_changed_local.to_list() == pytest.approx([14 / 2800] * 9)
    assert (runs[runs.router_precision.eq("fp32")].set_changed_local == 0).all()
    assert arms.router_precision.to_list() == [*ROUNDED]
    assert arms.bits_per_byte_less_fp32.to_list() == pytest.approx([0.001, 0.0, 0.05])
    assert arms.equivalent.to_list() == [True, True, False]
    assert arms.bits_per_byte_fp32.to_list() == pytest.approx([1.1] * 3)
    assert arms.n.to_list() == [3] * 3
    text = (tmp_path / "table.tex").read_text()
    assert "50.00 [50.00, 50.00]\\,$^{\\dagger}$ & 1.00\\,\\% / 2.00\\,\\%" in text
    assert text.count("$^{\\dagger}$") == 1


def test_a_seed_that_failed_is_left_out_and_named(tmp_path, monkeypatch):
    study(tmp_path, failed=(1,))
    runs, arms = tables(tmp_path, monkeypatch)
    assert runs[runs.seed.eq(1)].bits_per_byte.isna().all()
    assert runs[runs.seed.eq(1)].failure.str.startswith("divergence").all()
    assert arms.n.to_list() == [2] * 3
    assert arms.failures.to_list() == ["seed 1: divergence at step 8"] * 3
    assert arms.bits_per_byte_fp32.to_list() == pytest.approx([1.1] * 3)  # of seeds 0 and 2
    assert "Seeds failed" in (tmp_path / "table.tex").read_text()


def test_where_nothing_finished_the_tables_say_so(tmp_path, monkeypatch):
    study(tmp_path, failed=SEEDS)
    _, arms = tables(tmp_path, monkeypatch)
    assert arms.n.to_list() == [0] * 3
    assert arms.bits_per_byte_less_fp32.isna().all()
    assert (tmp_path / "figure.png").stat().st_size
    assert "-- [--, --]" in (tmp_path / "table.tex").read_text()


def test_logits_that_overflow_are_a_failure(tmp_path, monkeypatch):
    study(tmp_path)
    path = tmp_path / "softk-0@fp16" / "stories.csv"
    pd.read_csv(path).assign(nats=np.nan).to_csv(path, index=False, na_rep="nan")
    runs, arms = tables(tmp_path, monkeypatch)
    row = runs[runs.run.eq("softk-0@fp16")].iloc[0]
    assert (row.status, row.failure) == ("failed", "overflow: routers in fp16")
    assert arms.n.to_list() == [3, 2, 3]
