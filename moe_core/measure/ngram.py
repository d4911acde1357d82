"""Interpolated modified Kneser-Ney n-gram model: the control from outside neural networks.

For a k-gram c w, with context c of k - 1 tokens and c' its last k - 2,

    p_k(w | c) = (a(c w) - D(a(c w))) / sum_v a(c v)  +  b(c) p_{k-1}(w | c')
    b(c)       = sum_v D(a(c v)) / sum_v a(c v)
    p_0(w)     = 1 / V

where a is the number of occurrences at the highest order and, below it, the number of distinct
tokens seen before c w. A context never counted has b(c) = 1 and so leaves p_k = p_{k-1}. What D
takes from the seen tokens is what b hands down, hence each p_k( . | c) sums to one.

Sources: Kneser & Ney, "Improved backing-off for m-gram language modeling" (1995), for the counts
a below the highest order; Chen & Goodman, "An empirical study of smoothing techniques for language
modeling" (1998), section 3, for interpolation and the three discounts D.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# D of counts 0, 1, 2 and 3 or more where counts-of-counts cannot give them, as KenLM falls back.
FALLBACK_DISCOUNTS = (0.0, 0.5, 1.0, 1.5)


@dataclass(frozen=True, eq=False)
class Level:
    """The G k-grams of one order k, over C contexts of k - 1 tokens.

    A k-gram goes by its rank in `keys_G`, and -1 stands for any that was not seen: the last entry
    of the two other arrays is what such a one weighs.

    keys_G: int64, ascending: rank of the first k - 1 tokens one level below, times V, plus the
        last token. Ranks stay below the number of training tokens, so no key nears 2**63.
    mass_G: float64 (G + 1), the first term of p_k.
    backoff_C: float64 (C + 1), b.
    """

    keys_G: NDArray[np.int64]
    mass_G: NDArray[np.float64]
    backoff_C: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NGram:
    """A fitted model: `levels[k - 1]` holds the k-grams, and `len(levels)` is the order."""

    vocab_size: int
    levels: tuple[Level, ...]


def fit(tokens: NDArray[np.integer], vocab_size: int, order: int = 5) -> NGram:
    """Count one stream of tokens (T), integers in [0, vocab_size), and smooth the counts.

    Time O(order T log T). Raises ValueError when order < 1, when T < order, or when the tokens
    are not integers of one dimension within the vocabulary.
    """
    tokens_T = _stream(tokens, vocab_size)
    if not 1 <= order <= len(tokens_T):
        raise ValueError(f"order {order} is not between 1 and the {len(tokens_T)} tokens given")

    keys: list[NDArray[np.int64]] = []
    counts: list[NDArray[np.int64]] = []
    rank = np.zeros(len(tokens_T) + 1, np.int64)  # of each k-gram of the stream; here k = 0
    for k in range(order):
        suffix = rank[1:]
        keys_G, rank, counts_G = np.unique(
            rank[:-1] * vocab_size + tokens_T[k:], return_inverse=True, return_counts=True
        )
        if k:
            # Equal grams share their suffix, so all writes to one place agree.
            suffix_G = np.empty_like(keys_G)
            suffix_G[rank] = suffix
            counts[-1] = np.bincount(suffix_G, minlength=len(keys[-1]))
        keys.append(keys_G)
        counts.append(counts_G)

    contexts = [1, *map(len, keys[:-1])]
    levels = (_level(*args, vocab_size) for args in zip(keys, counts, contexts, strict=True))
    return NGram(vocab_size, tuple(levels))


def nats(model: NGram, tokens: NDArray[np.integer]) -> NDArray[np.float64]:
    """-log p(tokens[i] | up to order - 1 tokens before i), in nats, for i = 1 .. T - 1.

    tokens: (T), one stream; the first token is context alone, and the next ones have the shorter
    contexts that exist. Returns (T - 1). Raises ValueError as `fit` does on tokens.
    """
    tokens_T = _stream(tokens, model.vocab_size)
    p_T = np.full(len(tokens_T), 1 / model.vocab_size)
    rank = np.zeros(len(tokens_T) + 1, np.int64)
    for k, level in enumerate(model.levels):
        context = rank[:-1]
        key = context * model.vocab_size + tokens_T[k:]  # negative, so no key, after rank -1
        place = np.minimum(np.searchsorted(level.keys_G, key), len(level.keys_G) - 1)
        rank = np.where(level.keys_G[place] == key, place, -1)
        p_T[k:] = level.mass_G[rank] + level.backoff_C[context] * p_T[k:]
    nats_T: NDArray[np.float64] = -np.log(p_T[1:])
    return nats_T


def discounts(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """D of counts 0, 1, 2 and 3 or more (4), from n_j, the number of grams counted j times.

    D_j = j - (j + 1) Y n_{j+1} / n_j, with Y = n_1 / (n_1 + 2 n_2): Chen & Goodman (1998).
    Falls back to fixed values unless n_1 .. n_4 and the three D_j are all positive, so that
    every counted context keeps some mass for unseen tokens.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    if n[1:5].all():
        y = n[1] / (n[1] + 2 * n[2])
        j = np.arange(1, 4)
        d = j - (j + 1) * y * n[j + 1] / n[j]
        if (d > 0).all():
            return np.concatenate([[0.0], d])
    return np.array(FALLBACK_DISCOUNTS)


def _level(
    keys_G: NDArray[np.int64], counts_G: NDArray[np.int64], contexts: int, vocab_size: int
) -> Level:
    context_G = keys_G // vocab_size
    discount_G = discounts(counts_G)[np.minimum(counts_G, 3)]
    total_C = np.bincount(context_G, counts_G, contexts)
    freed_C = np.bincount(context_G, discount_G, contexts)
    # Contexts without counts exist: the end of the stream, and what only ever began it.
    backoff_C = np.divide(freed_C, total_C, out=np.ones(contexts), where=total_C > 0)
    mass_G = (counts_G - discount_G) / np.maximum(total_C, 1)[context_G]
    return Level(keys_G, np.append(mass_G, 0.0), np.append(backoff_C, 1.0))


def _stream(tokens: NDArray[np.integer], vocab_size: int) -> NDArray[np.int64]:
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(f"tokens must be integers (T), not {tokens.dtype} {tokens.shape}")
    if tokens.size and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(f"tokens must lie in [0, {vocab_size})")
    return tokens.astype(np.int64, copy=False)
