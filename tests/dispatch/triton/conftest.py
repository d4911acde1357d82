"""Where kernels run: on a GPU where there is one, else in the interpreter, on small tiles."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import Phase, settings

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def examples(number: int) -> settings:
    """So many, and none made smaller when one fails: the interpreter would take minutes."""
    return settings(max_examples=number, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@pytest.fixture(scope="module")
def unwritten_memory_is_nan() -> Iterator[None]:
    """So that a row which nobody wrote cannot pass for zeros."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)
