"""Loss-free balancing: the bias alone balances a skewed stream (arXiv 2408.15664)."""

import math

import torch
from torch import Tensor

from moe_core.measure.metrics import max_violation
from moe_core.routing import registry
from moe_core.routing.balance import update_bias
from moe_core.routing.routing import Routing
from tests.routing.conftest import E, context_of

K, TOKENS, RATE = 2, 256, 0.01


def skewed(seed: int) -> Tensor:
    """A batch of logits of a router that likes some experts better than others."""
    logits_TE = torch.randn(TOKENS, E, generator=torch.Generator().manual_seed(seed))
    return logits_TE + torch.linspace(0, 2, E)


def route(logits_TE: Tensor, bias_E: Tensor) -> Routing:
    context = context_of(TOKENS, K, 64, state={"bias_E": bias_E})
    return registry.load("loss_free").route(logits_TE, context)


def test_stream_against_a_float64_loop() -> None:
    bias_E, by_hand = torch.zeros(E), [0.0] * E
    for seed in range(30):
        logits_TE = skewed(seed)
        routing = route(logits_TE, bias_E)
        load = [0] * E
        weight_TE = torch.zeros(TOKENS, E, dtype=torch.float64)
        for t, row in enumerate(logits_TE.double().tolist()):
            score = [1 / (1 + math.exp(-z)) for z in row]
            biased = [s + b for s, b in zip(score, by_hand, strict=True)]
            for e in sorted(range(E), key=biased.__getitem__)[-K:]:
                load[e] += 1
                weight_TE[t, e] = score[e]
        torch.testing.assert_close(routing.dense_TE().double(), weight_TE, atol=1e-6, rtol=0)
        update_bias(bias_E, routing.load_E(), RATE)
        mean = sum(load) / E
        by_hand = [b + RATE * ((n < mean) - (n > mean)) for b, n in zip(by_hand, load, strict=True)]
        torch.testing.assert_close(bias_E.double(), torch.tensor(by_hand).double())
    assert max(by_hand) - min(by_hand) > 0.2


def test_violation_falls_by_more_than_half_against_no_balancing() -> None:
    bias_E, never_E = torch.zeros(E), torch.zeros(E)
    for seed in range(150):
        update_bias(bias_E, route(skewed(seed), bias_E).load_E(), RATE)
    # over fresh batches, as the paper measures it
    load_E, unbalanced_E = (
        sum(route(skewed(seed), b).load_E() for seed in range(1000, 1020))
        for b in (bias_E, never_E)
    )
    assert max_violation(unbalanced_E) > 0.8
    assert max_violation(load_E) < 0.5 * max_violation(unbalanced_E)
    assert max_violation(load_E) < 0.15
