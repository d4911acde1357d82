"""The balanced transport plan against Sinkhorn's iteration in linear space."""

import numpy as np
import pytest
import torch
from torch import Tensor

from moe_core.measure.metrics import load_cv
from moe_core.routing import registry
from moe_core.routing.strategies.sinkhorn import transport_plan
from tests.routing.conftest import E, context_of

S, G = 32, 3
STRATEGY = registry.load("sinkhorn")
skews = pytest.mark.parametrize("skew", [0.0, 1.0, 4.0])


def logits_of(skew: float) -> Tensor:
    """Sequences of a router with favourites, each sequence more one-sided than the one before."""
    logits_GSE = torch.randn(G, S, E, generator=torch.Generator().manual_seed(0))
    return logits_GSE + skew * torch.linspace(0, 1, E) * torch.arange(G).view(G, 1, 1)


def naive_plan(logits_SE: Tensor) -> np.ndarray:
    """Rows to 1, columns to S / E, in turn, until nothing moves."""
    plan = np.exp(logits_SE.double().numpy())
    for _ in range(3000):
        plan = plan / plan.sum(0, keepdims=True) * (S / E)
        plan = plan / plan.sum(1, keepdims=True)
    return plan


@skews
def test_rows_and_columns_have_their_sums(skew: float) -> None:
    plan_GSE = transport_plan(logits_of(skew))
    torch.testing.assert_close(plan_GSE.sum(2), torch.ones(G, S, dtype=torch.float64))
    assert (plan_GSE.sum(1) * E / S - 1).abs().max() <= 0.01


@skews
def test_plan_is_the_exponential_up_to_row_and_column_factors(skew: float) -> None:
    ratio_GSE = transport_plan(logits_of(skew)).log() - logits_of(skew).double()
    additive_GSE = ratio_GSE.mean(1, True) + ratio_GSE.mean(2, True) - ratio_GSE.mean((1, 2), True)
    torch.testing.assert_close(ratio_GSE, additive_GSE, atol=1e-9, rtol=0)


@skews
def test_plan_is_the_limit_of_the_naive_iteration(skew: float) -> None:
    for plan_SE, logits_SE in zip(transport_plan(logits_of(skew)), logits_of(skew), strict=True):
        np.testing.assert_allclose(plan_SE.numpy(), naive_plan(logits_SE), rtol=0.05, atol=0.01)


def test_d18_the_plan_of_a_sequence_does_not_depend_on_its_neighbours() -> None:
    logits_GSE = logits_of(4.0)
    together = transport_plan(logits_GSE)
    for alone, logits_SE in zip(together, logits_GSE, strict=True):
        assert torch.equal(transport_plan(logits_SE.unsqueeze(0))[0], alone)


@pytest.mark.parametrize("k", [1, 3])
def test_tokens_take_the_largest_of_their_row_weighted_by_the_sigmoid(k: int) -> None:
    logits_GSE = logits_of(1.0)
    routing = STRATEGY.route(logits_GSE.flatten(0, 1), context_of(G * S, k, S))
    for t, (token, experts, weights) in enumerate(
        zip(
            routing.token_A.view(-1, k).tolist(),
            routing.expert_A.view(-1, k).tolist(),
            routing.weight_A.view(-1, k).tolist(),
            strict=True,
        )
    ):
        sequence, place = divmod(t, S)
        row = transport_plan(logits_GSE)[sequence, place].numpy()
        assert token == [t] * k
        assert experts == row.argsort()[::-1][:k].tolist()
        z = logits_GSE[sequence, place, experts].double()
        assert weights == pytest.approx((1 / (1 + np.exp(-z.numpy()))).tolist(), rel=1e-5)


def test_training_balances_and_a_decoder_chooses_greedily() -> None:
    logits_TE, context = logits_of(4.0).flatten(0, 1), context_of(G * S, 2, S)
    trained, decoded = (rule(logits_TE, context) for rule in (STRATEGY.route, STRATEGY.decode))
    assert decoded.expert_A.view(-1, 2).tolist() == logits_TE.topk(2).indices.tolist()
    torch.testing.assert_close(decoded.weight_A, logits_TE.topk(2).values.sigmoid().flatten())
    assert load_cv(trained.load_E()) < 0.25 * load_cv(decoded.load_E())
    last = trained.expert_A.view(G, -1)[-1].bincount(minlength=E)  # the most one-sided sequence
    assert load_cv(last) < 0.35
