"""Mutual information of a token's class and its expert, with its bias and its permutation null.

All from one contingency table counts_VE, int: assignments before dropping of tokens of class v,
such as a token id, to expert e. The assignment is the unit: a token with K experts counts K times.

The null accordingly deals out single assignments. The K experts of a token being distinct, dealing
out whole choices would give a mean lower by the factor (E - K) / (E - 1), so for K > 1 both bias
and null mean are upper bounds. The tail is no such bound where experts always come together and
classes are few. Tokens count as exchangeable, though neighbours in a story are alike: a small
p-value says that these tokens' experts depend on their class, not that another corpus would agree.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # whose stats take most of a second to load: where one is called
from numpy.typing import NDArray
from scipy.special import entr

Counts = NDArray[np.int64]


def mutual_information(counts_VE: Counts) -> float:
    """Plug-in I(class; expert) in nats: H(class) + H(expert) - H(both) of the observed shares."""
    return entropy(counts_VE.sum(1)) + entropy(counts_VE.sum(0)) - entropy(counts_VE.ravel())


def entropy(counts: Counts) -> float:
    """Of the observed shares, in nats."""
    return float(entr(counts / counts.sum()).sum())


def most_information(counts_VE: Counts) -> float:
    """min(H(class), H(expert)) in nats: the most that margins allow, alike in all of a null."""
    return min(entropy(counts_VE.sum(1)), entropy(counts_VE.sum(0)))


def normalised_mutual_information(counts_VE: Counts) -> float:
    """I(class; expert) / min(H(class), H(expert)): 1 where one tells the other.

    Kvålseth, "Entropy and correlation: some comments" (1987). 0 where one class or one expert is
    alone. Of a router that gives nearly all to one expert it is a share of very little.
    """
    most = most_information(counts_VE)
    return mutual_information(counts_VE) / most if most > 0 else 0.0


def corrected_mutual_information(counts_VE: Counts) -> float:
    """Plug-in less its first-order bias under independence, (r - 1)(c - 1) / 2N, in nats.

    r and c: rows and columns that are not empty; N: sum of all counts. Miller, "Note on the bias
    of information estimates" (1955). Not floored: a mean of 0 under independence needs values
    below 0. Holds for many counts per cell; where tokens are rare it errs either way, and the
    mean of `permutation_null` is the exact bias. Under strong dependence both take too much.
    """
    rows, columns = (np.count_nonzero(counts_VE.sum(axis)) for axis in (1, 0))
    bias = (rows - 1) * (columns - 1) / (2 * counts_VE.sum())
    return mutual_information(counts_VE) - float(bias)


def permutation_null(counts_VE: Counts, draws: int, seed: int) -> NDArray[np.float64]:
    """Plug-in mutual information in nats of tables drawn under independence, one per draw.

    Both margins are those observed: the distribution that shuffling expert labels over
    assignments gives, without the shuffle (Patefield 1981; Boyett 1979 where counts are few).
    """
    row_V, column_E = counts_VE.sum(1), counts_VE.sum(0)
    # one class or one expert alone: no other table exists, and SciPy 1.17 draws false ones
    if min(np.count_nonzero(row_V), np.count_nonzero(column_E)) < 2:
        return np.zeros(draws)
    table = scipy.stats.random_table(row_V, column_E)
    rng = np.random.default_rng(seed)
    # one at a time: all draws of a large table together would fill the memory
    return np.array([mutual_information(table.rvs(random_state=rng)) for _ in range(draws)])


@dataclass(frozen=True)
class Specialisation:
    """Mutual information of class and expert beside what independence would show.

    null_mean_nats, null_high_nats: mean and 95th percentile of the permutation null.
    p_value: (1 + draws at or above the observed) / (1 + draws); 1 / (1 + draws) is its floor.
    """

    mutual_information_nats: float
    corrected_nats: float
    null_mean_nats: float
    null_high_nats: float
    p_value: float


def specialisation(counts_VE: Counts, draws: int = 200, seed: int = 0) -> Specialisation:
    """All of the above for one table with at least one count."""
    return against_null(
        mutual_information(counts_VE),
        corrected_mutual_information(counts_VE),
        permutation_null(counts_VE, draws, seed),
    )


def against_null(observed: float, corrected: float, null: NDArray[np.float64]) -> Specialisation:
    """Mutual information, and that without its bias, beside draws under independence, in nats."""
    draws = len(null)
    # ties count, though rounding may part them: where all tables are alike p = 1
    reached = np.count_nonzero(null >= observed - 1e-12)
    return Specialisation(
        mutual_information_nats=observed,
        corrected_nats=corrected,
        null_mean_nats=float(null.mean()),
        null_high_nats=float(np.quantile(null, 0.95)),
        p_value=(1 + int(reached)) / (1 + draws),
    )
