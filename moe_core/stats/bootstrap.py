"""Two-level bootstrap of bits per byte: paired seeds, and held-out stories that they share.

Every seed is tested on the same stories, so seeds and stories are crossed. A seed's bits per byte
strays by its own training, by the stories drawn and by how the two meet:
``variance = seeds / R + stories / N + meeting / (R N)``.

Level of seeds: the variance between seeds, over R, estimates the first and the last term. It is
the bootstrap over seeds in closed form, freed of its factor (R - 1) / R; drawing it would add noise
alone, and its percentiles under-cover badly at R = 5.
Level of stories: each resample draws N stories with replacement, the same for all seeds and both
arms. What this moves in common, the mean covariance of two seeds over resamples, is the middle
term. Resampling both levels at once (Owen 2007, Annals of Applied Statistics 1:386-411) would count
the meeting three times.
The sum is the error term of readers and cases (Hillis 2007, Statistics in Medicine 26:596-619);
its t quantile is Cochran's (`difference.half_width`), R - 1 and N - 1 degrees of freedom.

Coverage of the 95 % interval in simulation, with 40 normal stories: 94 to 97 % at R = 5 and 3,
whichever part dominates. Where stories of exponential effects are all the variance: 92 % with 40,
95 % with 200.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_core.stats.difference import Difference, Source, difference, interval
from moe_core.stats.intervals import Interval

Floats = NDArray[np.float64]


def bits_per_byte(
    nats_RN: ArrayLike,
    bytes_N: ArrayLike,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Bits per byte of one arm, mean over seeds of ``sum(nats) / (ln 2 * sum(bytes))``.

    nats_RN: negative log-likelihood of each story under each seed. bytes_N: the stories' UTF-8
    lengths. Ends are nan where R or N is 1. Raises ValueError on other shapes or empty stories.
    """
    return interval(*_estimate(nats_RN, bytes_N, resamples, seed), level)


def bits_per_byte_difference(
    a_nats_RN: ArrayLike,
    b_nats_RN: ArrayLike,
    bytes_N: ArrayLike,
    resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """Bits per byte of arm a less arm b, paired by seed (rows) and story (columns).

    Arguments and errors as in `bits_per_byte`.
    """
    a, b = np.asarray(a_nats_RN, dtype=np.float64), np.asarray(b_nats_RN, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"arms of shapes {a.shape} and {b.shape} are not paired")
    return difference(*_estimate(a - b, bytes_N, resamples, seed))


def _estimate(
    nats: ArrayLike, lengths: ArrayLike, resamples: int, seed: int
) -> tuple[float, list[Source], int]:
    """Mean over seeds, its sources of variance and the number of seeds."""
    nats_RN, bytes_N = np.asarray(nats, dtype=np.float64), np.asarray(lengths, dtype=np.float64)
    if nats_RN.ndim != 2 or nats_RN.shape[1:] != bytes_N.shape or not nats_RN.size:
        raise ValueError(f"nats {nats_RN.shape} are not seeds by stories of {bytes_N.shape} bytes")
    if not (bytes_N > 0).all():
        raise ValueError("each story has at least one byte")
    r, n = nats_RN.shape
    bits_R = nats_RN.sum(1) / (math.log(2) * bytes_N.sum())
    if min(r, n) < 2:
        return float(bits_R.mean()), [Source(math.nan, 1)], r
    cov_RR = np.cov(_over_stories(nats_RN, bytes_N, resamples, seed), rowvar=False)
    shared = (cov_RR.sum() - cov_RR.trace()) / (r * (r - 1)) * n / (n - 1)
    seeds = Source(float(bits_R.var(ddof=1)) / r, r - 1)
    return float(bits_R.mean()), [seeds, Source(max(float(shared), 0.0), n - 1)], r


def _over_stories(nats_RN: Floats, bytes_N: Floats, resamples: int, seed: int) -> Floats:
    """Bits per byte of each seed on resampled stories, (B, R)."""
    rng, n = np.random.default_rng(seed), len(bytes_N)
    columns = np.column_stack([nats_RN.T, math.log(2) * bytes_N])
    draws = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(resamples))
    sums = np.stack([draw.astype(np.float64) @ columns for draw in draws])
    return sums[:, :-1] / sums[:, -1:]
