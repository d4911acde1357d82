"""ReMoE: gates, the L1 term against a float64 loop, and the law that steers its weight."""

import pytest
import torch
from torch import Tensor

from moe_core.routing import registry
from moe_core.routing.scores import LinearRouter
from moe_core.routing.strategy import RoutedLayer
from tests.routing.conftest import E, context_of, logits_of

K = 2
STRATEGY = registry.load("remoe")


def layer_of(logits_TE: Tensor, weight: Tensor, k: int = K) -> RoutedLayer:
    context = context_of(len(logits_TE), k, len(logits_TE), state={"l1_weight": weight})
    return RoutedLayer(STRATEGY.route(logits_TE, context), logits_TE, context, len(logits_TE))


def test_gates_are_the_positive_logits() -> None:
    logits_TE = logits_of(0, 64)
    logits_TE[5] = -1.0  # a token that no expert takes
    routing = STRATEGY.route(logits_TE, context_of(64))
    assert torch.equal(routing.dense_TE(), logits_TE.clamp(min=0))
    assert routing.load_E().tolist() == (logits_TE > 0).sum(0).tolist()
    assert routing.kept_per_token_T()[5] == 0


def test_l1_term_against_a_float64_loop() -> None:
    weight = torch.tensor(0.3)
    logits = [logits_of(seed, 24).requires_grad_() for seed in (0, 1, 2)]
    loss = STRATEGY.loss([layer_of(logits_TE, weight) for logits_TE in logits])
    gradients = torch.autograd.grad(loss, logits)
    total = 0.0
    for logits_TE, gradient_TE in zip(logits, gradients, strict=True):
        rows = logits_TE.detach().double().tolist()
        share = [E / (K * 24) * sum(row[e] > 0 for row in rows) for e in range(E)]
        total += sum(share[e] * max(row[e], 0) for row in rows for e in range(E))
        expected = [[0.3 / (3 * 24) * share[e] * (row[e] > 0) for e in range(E)] for row in rows]
        torch.testing.assert_close(gradient_TE.double(), torch.tensor(expected).double())
    assert loss.item() == pytest.approx(0.3 / (3 * 24) * total, rel=1e-5)


@pytest.mark.parametrize(("active", "factor"), [(2, 1 / 1.2), (3, 1.0), (4, 1.2)])
def test_weight_follows_the_number_of_experts_in_use(active: int, factor: float) -> None:
    """Two layers of one token each: the first uses ``active``, the second one expert."""
    weights = [torch.tensor(1e-3), torch.tensor(1e-3)]
    layers = [
        layer_of(torch.where(torch.arange(E) < n, 1.0, -1.0).unsqueeze(0), weight)
        for n, weight in zip((active, 1), weights, strict=True)
    ]
    STRATEGY.update(layers)
    assert [float(w) for w in weights] == pytest.approx([1e-3 * factor] * 2, rel=1e-6)


def test_weight_starts_at_nothing() -> None:
    assert float(STRATEGY.state(E, K)["l1_weight"]) == pytest.approx(1e-8, rel=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_training_settles_at_k_experts_a_token(k: int) -> None:
    """Gates mix eight random directions to fit a teacher, for which half of them are too many."""
    draw = torch.Generator().manual_seed(0)
    x_TD, values_EM = torch.randn(256, 16, generator=draw), torch.randn(E, 8, generator=draw)
    x_TD[:, 0] += 1  # without a common direction, each gate is open to half of the tokens for ever
    target_TM = torch.randn(256, E, generator=draw).softmax(-1) @ values_EM
    router = LinearRouter(16, E)
    torch.nn.init.normal_(router.weight_ED, std=0.25, generator=draw)
    optimiser = torch.optim.SGD(router.parameters(), lr=0.1)
    weight, means = torch.tensor(1e-4), []
    for _ in range(300):
        layer = layer_of(router(x_TD), weight, k)
        task = (layer.routing.dense_TE() @ values_EM - target_TM).square().mean()
        optimiser.zero_grad()
        (task + STRATEGY.loss([layer])).backward()
        optimiser.step()
        STRATEGY.update([layer])
        means.append(layer.routing.token_A.numel() / 256)
    assert means[0] > 3.5
    assert sum(means[-150:]) / 150 == pytest.approx(k, rel=0.05)
