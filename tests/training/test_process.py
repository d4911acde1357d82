import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from moe_core.errors import StudyError
from moe_core.training import process
from moe_core.training.process import prepare_process

ROOT = Path(__file__).parents[2]
# in a process of its own, for the settings cannot be taken back
PROBE = """
import json, torch, torch.nn.functional as F
from moe_core.training.process import prepare_process
settings = prepare_process("cpu", 1).as_dict()
errors = {}
for rows in (1, 64, 512, 2048):
    draw = torch.Generator().manual_seed(rows)
    a, b = torch.randn(rows, 512, generator=draw), torch.randn(512, 96, generator=draw)
    exact = a.double() @ b.double()
    products = {
        "mm": a @ b,
        "linear": F.linear(a.unsqueeze(0), b.T.contiguous())[0],
        "bmm": torch.bmm(a.unsqueeze(0), b.unsqueeze(0))[0],
    }
    for name, c in products.items():
        errors[f"{name} {rows}"] = float((c.double() - exact).abs().max())
print(json.dumps({"settings": settings, "errors": errors, "threads": torch.get_num_threads()}))
"""


def test_products_stay_accurate_to_fp32() -> None:
    """Sums of 512 unit normals: fp32 is off by about 1e-4, bf16 by about 1e-1."""
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found["errors"]) == 12
    assert max(found["errors"].values()) < 1e-3, found["errors"]
    assert max(found["errors"].values()) > 0
    assert found["threads"] == found["settings"]["threads"] == 1
    assert found["settings"]["device"] == "cpu"
    assert found["settings"]["fp32_matmul"] in ("onednn", "default")
    assert 0 < found["settings"]["fp32_matmul_error"] < 1e-3
    assert found["settings"]["heap_kept"] is True
    assert found["settings"]["waiting_threads"] == "alone"


@pytest.mark.parametrize(
    ("tolerance", "library", "precision"), [(0.0, "default", "ieee"), (100.0, "onednn", "bf16")]
)
def test_an_inaccurate_product_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, tolerance: float, library: str, precision: str
) -> None:
    settings = torch.backends.mkldnn.matmul
    before = settings.fp32_precision
    monkeypatch.setattr(process, "FP32_TOLERANCE", tolerance)
    monkeypatch.setattr(process, "_keep_heap", lambda: None)
    try:
        assert prepare_process("cpu", 1).fp32_matmul == library
        assert settings.fp32_precision == precision
    finally:
        settings.fp32_precision = before


SETTINGS = """
import json
import os
from moe_core.training import process
if {unkept}:
    process._keep_heap = lambda: None
print(json.dumps(process.prepare_process("cpu", 2).as_dict()))
"""


@pytest.mark.parametrize(
    ("policy", "waiting"), [({}, "asleep"), ({"OMP_WAIT_POLICY": "active"}, "spinning")]
)
def test_settings_are_measured_not_believed(policy: dict[str, str], waiting: str) -> None:
    """With the policy of the environment turned round and the heap left as it is."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    spin = {"GOMP_SPINCOUNT": "infinity"} if policy else {}
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS.format(unkept=bool(policy))],
        cwd=ROOT,
        env=inherited | policy | spin,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["waiting_threads"] == waiting
    assert found["heap_kept"] is not bool(policy)


def test_missing_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StudyError, match="^device: cuda") as error:
        prepare_process("cuda", 1)
    assert "\n" not in str(error.value)
