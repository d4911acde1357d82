"""How wide a dense CNN is that costs as much as a mixture: in FLOPs, or in parameters.

Free of torch: a workflow is planned with it.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

from moe_core.errors import StudyError
from moe_core.vision.config import ImageShape
from moe_core.vision.flops import cnn_flops, cnn_params

CLOSE = 0.01  # a share of the target
REACHES = (1, 2, 4, 8)  # channels up and down


def channels_of_flops(target: float, like: Sequence[int], shape: ImageShape) -> list[int]:
    """Channels of a CNN with so many FLOPs of a forward pass, in ratios near those of ``like``.

    Raises StudyError where no whole numbers near them are within 1 %.
    """
    return _solve(partial(cnn_flops, shape=shape), target, like, "FLOPs")


def channels_of_params(target: float, like: Sequence[int], shape: ImageShape) -> list[int]:
    """The same for a number of parameters."""
    return _solve(partial(cnn_params, shape=shape), target, like, "parameters")


def _solve(
    cost: Callable[[Sequence[float]], float], target: float, like: Sequence[int], what: str
) -> list[int]:
    real = [_scale(cost, target, like) * width for width in like]
    for reach in REACHES:  # all nearest whole numbers first, then further ones
        sides = (range(max(1, math.floor(c) + 1 - reach), math.floor(c) + 1 + reach) for c in real)
        found = [c for c in product(*sides) if abs(cost(c) - target) <= CLOSE * target]
        if found:
            return list(min(found, key=partial(_distance, real)))
    raise StudyError(
        "channels",
        f"no CNN like {list(like)} has {target:,.0f} {what} within {CLOSE:.0%}",
        "give wider experts",
    )


def _distance(real: Sequence[float], channels: Sequence[int]) -> float:
    """Of ratios, whatever their direction."""
    return math.dist([math.log(c) for c in real], [math.log(c) for c in channels])


def _scale(cost: Callable[[Sequence[float]], float], target: float, like: Sequence[int]) -> float:
    """The s for which channels of s times ``like`` cost so much: cost is a s^2 + b s + c."""
    c, one, two = (cost([s * width for width in like]) for s in (0, 1, 2))
    a = (two - 2 * one + c) / 2
    b, rest = one - c - a, max(0.0, target - c)
    return 2 * rest / (b + math.sqrt(b * b + 4 * a * rest))
