"""Where kernels run: on a GPU where there is one, else in the interpreter, on small tiles."""

from collections.abc import Iterator

import pytest
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="module")
def unwritten_memory_is_nan() -> Iterator[None]:
    """So that a row which nobody wrote cannot pass for zeros."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)
