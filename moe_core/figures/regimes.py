"""Operating regimes on a frontier of speed and loss, found by rule."""

import numpy as np
from numpy.typing import ArrayLike

HIGH_THROUGHPUT, BALANCED, BEST_QUALITY = "high throughput", "balanced", "best quality"


def pareto(speed: ArrayLike, loss: ArrayLike) -> list[int]:
    """Places of the points that no other beats in both, fastest first; of equal ones the first."""
    speeds, losses = np.asarray(speed, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    best, kept = np.inf, []
    for place in np.lexsort((losses, -speeds)):
        if losses[place] < best:
            best = losses[place]
            kept.append(int(place))
    return kept


def knee(speed: ArrayLike, loss: ArrayLike) -> int | None:
    """Place of the point that lies furthest on the good side of the chord between the ends.

    The points are a frontier, fastest first. Both axes are scaled to the range of the frontier, so
    that units do not matter. None where no point between the ends is better than the chord.
    """
    speeds, losses = np.asarray(speed, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    if len(speeds) < 3:
        return None
    slowness = (speeds[0] - speeds) / (speeds[0] - speeds[-1])
    above = (losses - losses[-1]) / (losses[0] - losses[-1])
    gain = 1 - slowness - above  # the chord: slowness + above = 1
    place = 1 + int(gain[1:-1].argmax())
    return place if gain[place] > 1e-9 else None


def regimes(speed: ArrayLike, loss: ArrayLike) -> dict[str, int]:
    """Place of the point of each regime that there is.

    High throughput: the fastest point of the frontier. Best quality: the one of least loss.
    Balanced: the knee between them. On a frontier of one point that is both, and none is balanced.
    """
    speeds, losses = np.asarray(speed, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    kept = pareto(speeds, losses)
    if not kept:
        return {}
    middle = knee(speeds[kept], losses[kept])
    found = {HIGH_THROUGHPUT: kept[0]}
    if middle is not None:
        found[BALANCED] = kept[middle]
    return found | {BEST_QUALITY: kept[-1]}
