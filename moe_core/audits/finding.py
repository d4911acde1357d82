"""What an audit found: how many of its trials failed, and by how much."""

import math
from dataclasses import dataclass

from torch import Tensor

# Audits run in float64. Rounding moves a logit by some 1e-13; a token that another one reaches
# changes its weights or its experts, which moves logits by orders of magnitude more than 1e-9.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Finding:
    """max_change: the largest absolute change in any trial, nan where a trial has no size."""

    failures: int
    trials: int
    max_change: float


def of_changes(change_N: Tensor) -> Finding:
    """A trial fails whose change is above the tolerance, or is nan."""
    failures = int((~(change_N <= TOLERANCE)).sum())
    return Finding(failures, len(change_N), float(change_N.max()))


def of_verdicts(passed: list[bool]) -> Finding:
    """A trial passes or fails."""
    return Finding(passed.count(False), len(passed), math.nan)


def largest(difference: Tensor) -> Tensor:
    """Largest absolute entry of each row of the first axis."""
    return difference.abs().flatten(1).amax(1)
