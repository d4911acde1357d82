"""Information on the story in a token's expert beyond what the token itself gives."""

import numpy as np

from moe_core.analysis.recording import Ints
from moe_core.measure.specialisation import Specialisation, against_null

DRAWS = 20  # the permutation floor of a p value is 1 / 21


def conditional_specialisation(story_T: Ints, token_T: Ints, expert_T: Ints) -> Specialisation:
    """Plug-in I(expert; story | token) in nats of one expert a token, beside its null.

    The null deals out the experts of equal tokens anew among their occurrences. The bias is large,
    for most pairs of token and story are rare: ``corrected_nats`` is what the null's mean leaves.
    """
    order_T = np.argsort(token_T, kind="stable")
    token_T, story_T, expert_T = token_T[order_T], story_T[order_T], expert_T[order_T]
    experts, stories = int(expert_T.max()) + 1, int(story_T.max()) + 2  # the first is of none
    pair_T = np.unique(token_T * stories + story_T + 1, return_inverse=True)[1]
    given_token = _conditional_entropy(token_T, expert_T, experts)

    def information(expert_T: Ints) -> float:
        return given_token - _conditional_entropy(pair_T, expert_T, experts)

    rng = np.random.default_rng(0)
    observed = information(expert_T)
    null = np.array([information(_shuffled(token_T, expert_T, rng)) for _ in range(DRAWS)])
    return against_null(observed, observed - float(null.mean()), null)


def _shuffled(token_T: Ints, expert_T: Ints, rng: np.random.Generator) -> Ints:
    """Experts dealt out anew among the occurrences of each token; token_T is sorted."""
    return expert_T[np.argsort(token_T + rng.random(len(token_T)))]


def _conditional_entropy(kind_T: Ints, expert_T: Ints, experts: int) -> float:
    """H(expert | kind) in nats."""

    def sum_of_logs(ids_T: Ints) -> float:
        counts = np.bincount(ids_T)
        counts = counts[counts > 0]
        return float((counts * np.log(counts)).sum())

    return (sum_of_logs(kind_T) - sum_of_logs(kind_T * experts + expert_T)) / len(kind_T)
