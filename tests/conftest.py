import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from moe_core.model.config import MoEConfig
from moe_core.routing import registry

torch.set_num_threads(1)
if not torch.cuda.is_available():  # before anything imports triton, as torch's compiler does
    os.environ.setdefault("TRITON_INTERPRET", "1")

# strategies that declare no failed audit: what holds of routing at large holds of these
HONEST = [name for name in registry.names() if not registry.declaration(name)["fails"]]


def legal_k(strategy: str) -> int:
    """K = 2, or the nearest that the strategy allows."""
    declared = registry.declaration(strategy)
    return max(declared["min_top_k"], min(2, declared["max_top_k"] or 2))


def moe_of(strategy: str, **changes: Any) -> MoEConfig:
    """A plain configuration of a strategy; keywords change it."""
    plain: dict[str, Any] = {
        "router": "linear",
        "num_experts": 4,
        "top_k": legal_k(strategy),
        "capacity_factor": 1.0,
        "drop_policy": "position",
        "shared_hidden": 0,
        "jitter": 0.0,
        "bias_rate": 0.0,
    }
    return MoEConfig(strategy=strategy, **plain | changes)


@pytest.fixture
def top_k(name: str) -> int:
    """A legal K of the strategy that a test is parametrised with."""
    return legal_k(name)


# a shared machine may stall any example; in CI the examples are the same each time
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's, without a window."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: envs/install.sh browser")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
