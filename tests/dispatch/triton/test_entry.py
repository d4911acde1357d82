"""Without the package, or without a GPU: nothing else breaks, and who asks is told in one line."""

import os
import subprocess
import sys

import pytest

LAYER = """
import sys
{before}
import torch
import moe_core.training.run
from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig
from moe_core.model.moe_layer import MoELayer
from moe_core.model.experts import Experts
config = MoEConfig(strategy="softk", router="linear", num_experts=4, top_k=2, capacity_factor=1.0,
                   drop_policy="position", shared_hidden=0, jitter=0.0, bias_rate=0.0)
experts = Experts(4, 8, 8, "gelu")
for weight in experts.parameters():
    torch.nn.init.ones_(weight)
layer = MoELayer(config, 8, experts, None, torch.ones(5))
ids = torch.zeros(6, dtype=torch.int64)
layer(torch.ones(6, 8), ids, ids, 6)
assert not any(name.split(".")[0] == "triton" and m for name, m in sys.modules.items())
layer.backend = "triton"
try:
    layer(torch.ones(6, 8), ids, ids, 6)
except StudyError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (
            "sys.modules['triton'] = None",
            "dispatch: 'triton' needs the package triton, which is not installed; "
            "pip install 'moe-routing-bench[kernels]'",
        ),
        ("", "dispatch: 'triton' runs on a GPU, not on cpu; use auto"),
    ],
)
def test_who_cannot_have_kernels_is_told(before: str, told: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", LAYER.format(before=before)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == told


def test_kernels_compile_for_a_gpu(tmp_path: os.PathLike[str]) -> None:
    """For an H100, with no GPU here: what the interpreter takes, the compiler takes too."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.dispatch.triton.compiled"],
        capture_output=True,
        text=True,
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "_forward",
        "_backward",
        "_count",
        "_place",
        "_spread",
        "_collect",
    ]
