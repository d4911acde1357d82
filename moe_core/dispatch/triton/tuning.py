"""Block sizes and warps that a kernel is timed with, once for each class of shapes."""

from collections.abc import Callable
from typing import Any

import triton

# an interpreter has nothing to time: it takes the first candidate
INTERPRETED: bool = triton.knobs.runtime.interpret


def tuned(
    candidates: list[tuple[dict[str, int], int]], key: list[str], zeroed: tuple[str, ...] = ()
) -> Callable[[Any], Any]:
    """Decorate a kernel with its candidates, pairs of block sizes and warps.

    key: arguments that make a class of shapes; a type of theirs does too. zeroed: buffers that each
    trial must find empty. A trial runs the whole kernel, which may do nothing that a second run
    would change.
    """
    configs = [triton.Config(sizes, num_warps=warps) for sizes, warps in candidates]
    return triton.autotune(  # type: ignore[no-any-return]
        configs[:1] if INTERPRETED else configs, key=key, reset_to_zero=list(zeroed)
    )
