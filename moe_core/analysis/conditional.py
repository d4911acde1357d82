"""Information on the story in a token's expert beyond what the token itself gives."""

import numpy as np

from moe_core.analysis.record import Ints
from moe_core.measure.specialisation import Specialisation

DRAWS = 20  # the permutation floor of a p value is 1 / 21


def conditional_specialisation(story_A: Ints, token_A: Ints, expert_A: Ints) -> Specialisation:
    """Plug-in I(expert; story | token) in nats, beside its null: experts shuffled within a token.

    The bias is large, for most (token, story) pairs are rare; it is that of the null, whose mean
    is taken away for ``corrected_nats``. Assignments of one token count as exchangeable between
    stories.
    """
    order_A = np.argsort(token_A, kind="stable")
    token_A, story_A, expert_A = token_A[order_A], story_A[order_A], expert_A[order_A]
    experts = int(expert_A.max()) + 1
    stories = int(story_A.max()) + 2  # -1 is the first separator's
    pair_A = np.unique(token_A * stories + story_A + 1, return_inverse=True)[1]
    given_token = _conditional_entropy(token_A, expert_A, experts)

    def information(expert_A: Ints) -> float:
        return given_token - _conditional_entropy(pair_A, expert_A, experts)

    rng = np.random.default_rng(0)
    observed = information(expert_A)
    null = np.array([information(_shuffled(token_A, expert_A, rng)) for _ in range(DRAWS)])
    reached = np.count_nonzero(null >= observed - 1e-12)
    return Specialisation(
        mutual_information_nats=observed,
        corrected_nats=observed - float(null.mean()),
        null_mean_nats=float(null.mean()),
        null_high_nats=float(np.quantile(null, 0.95)),
        p_value=(1 + int(reached)) / (1 + DRAWS),
    )


def _shuffled(token_A: Ints, expert_A: Ints, rng: np.random.Generator) -> Ints:
    """Experts dealt out anew among the assignments of each token; token_A is sorted."""
    return expert_A[np.argsort(token_A + rng.random(len(token_A)))]


def _conditional_entropy(kind_A: Ints, expert_A: Ints, experts: int) -> float:
    """H(expert | kind) in nats."""

    def sum_of_logs(ids_A: Ints) -> float:
        counts = np.bincount(ids_A)
        counts = counts[counts > 0]
        return float((counts * np.log(counts)).sum())

    return (sum_of_logs(kind_A) - sum_of_logs(kind_A * experts + expert_A)) / len(kind_A)
