"""Block sizes and warps that a kernel is timed with, once for each class of shapes."""

import math
from collections.abc import Callable
from typing import Any

import triton

# an interpreter has nothing to time: it takes the first candidate
INTERPRETED: bool = triton.knobs.runtime.interpret


FULLEST = 16  # elements of a tile for each thread: above it registers spill


def tuned(
    candidates: list[tuple[dict[str, int], int]],
    key: list[str],
    tile: tuple[str, ...] = (),
    zeroed: tuple[str, ...] = (),
) -> Callable[[Any], Any]:
    """Decorate a kernel with its candidates, pairs of block sizes and warps.

    key: arguments that make a class of shapes; a type of theirs does too. tile: sizes whose product
    a candidate's threads must hold; the first candidate may always try. zeroed: buffers that each
    trial must find empty. A trial runs the whole kernel, which may do nothing that a second run
    would change.
    """
    configs = [triton.Config(sizes, num_warps=warps) for sizes, warps in candidates]

    def fits(configs: list[Any], _: dict[str, Any], **sizes: Any) -> list[Any]:
        def elements(config: Any) -> int:
            return math.prod((sizes | config.kwargs)[name] for name in tile)

        spare = [c for c in configs[1:] if elements(c) <= FULLEST * 32 * c.num_warps]
        return [configs[0], *spare]

    return triton.autotune(
        configs[:1] if INTERPRETED else configs,
        key=key,
        prune_configs_by={"early_config_prune": fits},
        reset_to_zero=list(zeroed),
    )
