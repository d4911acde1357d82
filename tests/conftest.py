import pytest
import torch

from moe_core.routing import registry

torch.set_num_threads(1)


@pytest.fixture
def top_k(name: str) -> int:
    """K of the strategy that a test is parametrised with: 2, or the nearest that it allows."""
    declared = registry.declaration(name)
    return max(declared["min_top_k"], min(2, declared["max_top_k"] or 2))
