"""Balance losses: their values, and that their gradients balance."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from moe_core.measure.metrics import load_cv, marginal_entropy, router_entropy
from moe_core.routing.balance import (
    cv_loss,
    marginal_entropy_loss,
    switch_loss,
    token_entropy_loss,
    update_bias,
    z_loss,
)
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.scores import LinearRouter


def random_logits(tokens: int = 12, experts: int = 4) -> Tensor:
    logits_TE = torch.randn(tokens, experts, generator=torch.Generator().manual_seed(0))
    return logits_TE.requires_grad_()


def skewed_router() -> tuple[LinearRouter, Tensor]:
    """Inputs with a common direction, which the first of eight experts likes."""
    generator = torch.Generator().manual_seed(0)
    x_TD = torch.randn(256, 16, generator=generator) + 1
    router = LinearRouter(16, 8)
    with torch.no_grad():
        router.weight_ED.normal_(std=0.25, generator=generator)
        router.weight_ED[0] += 0.25
    return router, x_TD


def top2(logits_TE: Tensor) -> Routing:
    chosen = logits_TE.topk(2)
    return from_token_choice(chosen.indices, chosen.values.softmax(-1), logits_TE.shape[-1])


def top2_cv(logits_TE: Tensor) -> float:
    return load_cv(top2(logits_TE).load_E())


def finite_difference(
    function: Callable[[np.ndarray], float], logits_TE: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    gradient = np.empty_like(logits_TE)
    for index in np.ndindex(*logits_TE.shape):
        moved = [logits_TE.copy(), logits_TE.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        gradient[index] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return gradient


def switch_formula(logits_TE: np.ndarray, load_E: np.ndarray) -> float:
    exp_TE = np.exp(logits_TE)
    prob_E = (exp_TE / exp_TE.sum(1, keepdims=True)).mean(0)
    return float(len(load_E) * np.sum(load_E / load_E.sum() * prob_E))


def z_formula(logits_TE: np.ndarray) -> float:
    return float(np.mean(np.log(np.exp(logits_TE).sum(1)) ** 2))


def test_d1_switch_loss_has_the_gradient_of_the_mean_probability_with_load_fixed() -> None:
    logits_TE = random_logits()
    routing = top2(logits_TE)
    load_E = routing.load_E()
    loss = switch_loss(logits_TE, routing, len(logits_TE))
    assert loss.requires_grad
    (gradient_TE,) = torch.autograd.grad(loss, logits_TE)
    values = logits_TE.detach().double().numpy()
    assert loss.item() == pytest.approx(switch_formula(values, load_E.numpy()), abs=1e-6)
    expected = finite_difference(lambda z: switch_formula(z, load_E.numpy()), values)
    np.testing.assert_allclose(gradient_TE.numpy(), expected, atol=1e-7)
    assert np.abs(expected).max() > 1e-3


def test_z_loss_has_the_value_and_gradient_of_its_formula() -> None:
    logits_TE = random_logits()
    loss = z_loss(logits_TE)
    assert loss.requires_grad
    (gradient_TE,) = torch.autograd.grad(loss, logits_TE)
    values = logits_TE.detach().double().numpy()
    assert loss.item() == pytest.approx(z_formula(values), abs=1e-6)
    np.testing.assert_allclose(gradient_TE.numpy(), finite_difference(z_formula, values), atol=1e-7)


@pytest.mark.parametrize("experts", [2, 8, 64])
@pytest.mark.parametrize("sequences", [1, 3])
def test_switch_loss_is_one_when_balanced_and_the_number_of_experts_when_collapsed(
    experts: int, sequences: int
) -> None:
    balanced_TE = 9.0 * torch.eye(experts).repeat(3, 1)
    scope = 3 * experts // sequences
    routing = from_token_choice(balanced_TE.argmax(1, keepdim=True), torch.ones(9, 1), experts)
    assert float(switch_loss(balanced_TE, routing, scope)) == pytest.approx(1, abs=1e-5)
    collapsed_TE = torch.zeros(30, experts).index_fill_(1, torch.tensor([0]), 50.0)
    routing = from_token_choice(collapsed_TE.argmax(1, keepdim=True), torch.ones(30, 1), experts)
    assert float(switch_loss(collapsed_TE, routing, 30 // sequences)) == pytest.approx(experts)


@pytest.mark.parametrize("scope", [4, 8, 24])
def test_switch_loss_of_a_scope_is_the_mean_of_its_groups(scope: int) -> None:
    """Each group counts load and probability for itself (arXiv 2501.11873, section 3)."""
    logits_TE = random_logits(24)
    loss = switch_loss(logits_TE, top2(logits_TE), scope)
    (gradient_TE,) = torch.autograd.grad(loss, logits_TE)
    values = logits_TE.detach().double().numpy()
    groups = [slice(start, start + scope) for start in range(0, 24, scope)]
    loads = [np.bincount(values[g].argsort(1)[:, -2:].ravel(), minlength=4) for g in groups]

    def formula(z_TE: np.ndarray) -> float:
        terms = [switch_formula(z_TE[g], load) for g, load in zip(groups, loads, strict=True)]
        return float(np.mean(terms))

    assert loss.item() == pytest.approx(formula(values), abs=1e-6)
    np.testing.assert_allclose(gradient_TE.numpy(), finite_difference(formula, values), atol=1e-7)


def test_a_wide_scope_lets_sequences_specialise() -> None:
    """Each of two sequences uses one expert of its own: balanced together, not apart."""
    logits_TE = 30.0 * torch.eye(2).repeat_interleave(8, 0)
    routing = from_token_choice(logits_TE.argmax(1, keepdim=True), torch.ones(16, 1), 2)
    assert float(switch_loss(logits_TE, routing, 16)) == pytest.approx(1)
    assert float(switch_loss(logits_TE, routing, 8)) == pytest.approx(2)


def test_a_group_without_assignments_costs_nothing() -> None:
    """A threshold may leave a sequence without any expert."""
    logits_TE = random_logits(8)
    routing = top2(logits_TE)
    half = routing.where(routing.token_A < 4)
    alone = switch_loss(logits_TE[:4], top2(logits_TE[:4]), 4)
    torch.testing.assert_close(switch_loss(logits_TE, half, 4), alone / 2)


def test_bias_rises_for_starved_experts_falls_for_crowded_ones_and_rests_at_the_mean() -> None:
    bias_E = torch.tensor([0.0, 1.0, -1.0, 0.5])
    kept = bias_E
    for _ in range(2):
        update_bias(bias_E, torch.tensor([0, 3, 9, 4]), 0.25)
    assert bias_E is kept
    assert bias_E.tolist() == [0.5, 1.5, -1.5, 0.5]


def test_d1_descending_the_switch_loss_balances_a_skewed_router() -> None:
    router, x_TD = skewed_router()
    optimiser = torch.optim.SGD(router.parameters(), lr=0.3)
    before = top2_cv(router(x_TD))
    for _ in range(20):
        optimiser.zero_grad()
        logits_TE = router(x_TD)
        switch_loss(logits_TE, top2(logits_TE), 256).backward()
        optimiser.step()
    assert before > 0.9
    assert top2_cv(router(x_TD)) < 0.5 * before


def test_descending_the_z_loss_shrinks_logits_and_skew() -> None:
    router, x_TD = skewed_router()
    optimiser = torch.optim.SGD(router.parameters(), lr=0.01)
    before, loss_before = top2_cv(router(x_TD)), z_loss(router(x_TD)).item()
    for _ in range(20):
        optimiser.zero_grad()
        z_loss(router(x_TD)).backward()
        optimiser.step()
    assert z_loss(router(x_TD)).item() < 0.5 * loss_before
    assert top2_cv(router(x_TD)) < before


def test_losses_of_the_gate_in_closed_form() -> None:
    """Decided gates that share experts evenly, uniform gates, and all to one of E = 4."""
    decided_TE = 60 * torch.eye(4).repeat(3, 1)
    uniform_TE, collapsed_TE = torch.zeros(12, 4), 60 * torch.eye(4)[:1].repeat(12, 1)
    of = {
        loss.__name__: [float(loss(z_TE)) for z_TE in (decided_TE, uniform_TE, collapsed_TE)]
        for loss in (cv_loss, marginal_entropy_loss, token_entropy_loss)
    }
    assert of["cv_loss"] == pytest.approx([0, 0, 3], abs=1e-5)
    assert of["marginal_entropy_loss"] == pytest.approx([0, 0, math.log(4)], abs=1e-5)
    assert of["token_entropy_loss"] == pytest.approx([math.log(4), 0, math.log(4)], abs=1e-5)


def test_token_entropy_is_what_drives_out_information() -> None:
    """Its loss is the marginal one plus the mutual information of a token and its expert."""
    z_TE = 2 * random_logits(50).detach().double()
    information = marginal_entropy(z_TE.softmax(-1).sum(0)) - float(router_entropy(z_TE))
    gap = float(token_entropy_loss(z_TE)) - float(marginal_entropy_loss(z_TE))
    assert gap == pytest.approx(information, rel=1e-4)


@pytest.mark.parametrize("loss", [cv_loss, marginal_entropy_loss, token_entropy_loss])
def test_a_loss_of_the_gate_evens_out_use(loss: Callable[[Tensor], Tensor]) -> None:
    router, x_TD = skewed_router()
    before = load_cv(router(x_TD).detach().softmax(-1).sum(0))
    optimiser = torch.optim.SGD(router.parameters(), lr=0.05)
    for _ in range(30):
        optimiser.zero_grad()
        loss(router(x_TD)).backward()
        optimiser.step()
    with torch.no_grad():
        assert load_cv(router(x_TD).softmax(-1).sum(0)) < 0.7 * before
