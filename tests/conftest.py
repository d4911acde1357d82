import os

import pytest
import torch
from hypothesis import settings

from moe_core.routing import registry

torch.set_num_threads(1)


@pytest.fixture
def top_k(name: str) -> int:
    """K of the strategy that a test is parametrised with: 2, or the nearest that it allows."""
    declared = registry.declaration(name)
    return max(declared["min_top_k"], min(2, declared["max_top_k"] or 2))


# a shared machine may stall any example; in CI the examples are the same each time
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")
