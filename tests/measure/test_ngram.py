import argparse
import inspect
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_core.measure import ngram


class Reference:
    """The same model from its definition: dictionaries of tuples, one token at a time."""

    def __init__(self, tokens: list[int], vocab_size: int, order: int) -> None:
        self.vocab_size, self.order = vocab_size, order
        grams = {
            k: [tuple(tokens[i : i + k]) for i in range(len(tokens) - k + 1)]
            for k in range(1, order + 1)
        }
        self.counts: dict[int, dict[tuple[int, ...], int]] = {order: Counter(grams[order])}
        for k in range(1, order):
            before = defaultdict(set)
            for gram in grams[k + 1]:
                before[gram[1:]].add(gram[0])
            self.counts[k] = {gram: len(firsts) for gram, firsts in before.items()}
        self.d = {k: self.discounts(self.counts[k]) for k in self.counts}

    @staticmethod
    def discounts(counts: dict[tuple[int, ...], int]) -> tuple[float, float, float]:
        n1, n2, n3, n4 = (sum(a == j for a in counts.values()) for j in (1, 2, 3, 4))
        if min(n1, n2, n3, n4) > 0:
            y = n1 / (n1 + 2 * n2)
            d = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
            if min(d) > 0:
                return d
        return 0.5, 1.0, 1.5

    def p(self, token: int, context: tuple[int, ...]) -> float:
        k = len(context) + 1
        lower = self.p(token, context[1:]) if context else 1 / self.vocab_size
        after = {g[-1]: a for g, a in self.counts[k].items() if g[:-1] == context}
        if not after:
            return lower
        taken = {v: self.d[k][min(a, 3) - 1] for v, a in after.items()}
        seen = after.get(token, 0) - taken.get(token, 0.0)
        return (seen + sum(taken.values()) * lower) / sum(after.values())

    def nats(self, tokens: list[int]) -> list[float]:
        return [
            -math.log(self.p(tokens[i], tuple(tokens[max(0, i - self.order + 1) : i])))
            for i in range(1, len(tokens))
        ]


Case = tuple[list[int], int, int, list[int]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A corpus, its vocabulary size and order, and a text that may use unseen tokens."""
    vocab_size = draw(st.integers(1, 6))
    order = draw(st.integers(1, 5))
    used = st.integers(0, draw(st.integers(0, vocab_size - 1)))
    corpus = draw(st.lists(used, min_size=order, max_size=60))
    text = draw(st.lists(st.integers(0, vocab_size - 1), max_size=8))
    return corpus, vocab_size, order, text


@given(cases())
def test_probabilities_sum_to_one_after_any_context(case: Case) -> None:
    corpus, vocab_size, order, context = case
    model = ngram.fit(np.array(corpus), vocab_size, order)
    for used in (context, corpus[-order:], corpus[:order]):
        if used:
            last = [ngram.nats(model, np.array([*used, w]))[-1] for w in range(vocab_size)]
            assert np.isfinite(last).all()
            assert math.isclose(np.exp(-np.array(last)).sum(), 1, rel_tol=1e-12)


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    corpus, vocab_size, order, text = case
    model = ngram.fit(np.array(corpus), vocab_size, order)
    text = text + corpus[:10] + text
    expected = Reference(corpus, vocab_size, order).nats(text)
    np.testing.assert_allclose(ngram.nats(model, np.array(text)), expected, rtol=1e-12, atol=1e-14)


def test_equals_the_definition_where_counts_give_the_discounts() -> None:
    # Zipf's law fills all counts-of-counts; tokens lie at the top of a vocabulary whose fifth
    # power overflows 64 bits.
    vocab_size = 200_000
    rng = np.random.default_rng(0)
    corpus, text = (vocab_size - np.minimum(rng.zipf(1.6, n), vocab_size) for n in (3000, 100))
    model = ngram.fit(corpus, vocab_size)
    reference = Reference(corpus.tolist(), vocab_size, 5)
    assert sum(d != (0.5, 1.0, 1.5) for d in reference.d.values()) >= 3
    np.testing.assert_allclose(ngram.nats(model, text), reference.nats(text.tolist()), rtol=1e-12)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        ((8, 4, 2, 1), (0.5, 1.25, 2.0)),
        ((4, 1, 10, 1), (0.5, 1.0, 1.5)),  # D_2 would be negative
        ((8, 4, 0, 1), (0.5, 1.0, 1.5)),  # D_3 would be 0 / 0
    ],
)
def test_discounts_from_counts_of_counts(n: tuple[int, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(ngram.discounts(np.repeat([1, 2, 3, 4], n)), [0, *expected])


def test_each_order_helps_on_real_text() -> None:
    tokens = np.frombuffer(inspect.getsource(argparse).encode(), np.uint8)
    train, valid = np.split(tokens, [len(tokens) * 9 // 10])
    mean = [ngram.nats(ngram.fit(train, 256, order), valid).mean() for order in range(1, 6)]
    assert mean == sorted(mean, reverse=True)
    assert mean[4] < 0.6 * mean[0] < 0.6 * math.log(256)


def test_depends_on_the_tokens_alone() -> None:
    tokens = np.random.default_rng(1).integers(0, 50, 2000)
    one, other = (ngram.fit(t, 60) for t in (tokens, tokens.astype(np.uint16)))
    for a, b in zip(one.levels, other.levels, strict=True):
        np.testing.assert_array_equal(a.keys_G, b.keys_G)
        np.testing.assert_array_equal(a.mass_G, b.mass_G)
        np.testing.assert_array_equal(a.backoff_C, b.backoff_C)


@pytest.mark.parametrize(
    ("tokens", "order"),
    [([0, 1, 5], 2), ([0, -1, 2], 2), ([0.0, 1.0], 2), ([[0, 1]], 1), ([0, 1], 3), ([0, 1], 0)],
)
def test_rejects_what_it_cannot_count(tokens: list, order: int) -> None:
    with pytest.raises(ValueError, match="tokens"):
        ngram.fit(np.array(tokens), 5, order)
