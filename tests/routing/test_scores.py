"""Router networks against their formulas in float64."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import Tensor

from moe_core.routing.router_net import ROUTER_NETS, RouterNet, router_parameters
from moe_core.routing.scores import Router, build_router

D, E = 12, 6
nets = pytest.mark.parametrize("net", ROUTER_NETS)
Weights = dict[str, np.ndarray]


def router_of(net: RouterNet) -> Router:
    router = build_router(net, D, E)
    with torch.no_grad():
        for seed, parameter in enumerate(router.parameters()):
            parameter.normal_(generator=torch.Generator().manual_seed(seed))
    return router


def inputs(scale: float = 1.0) -> Tensor:
    return scale * torch.randn(9, D, generator=torch.Generator().manual_seed(5))


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / math.sqrt(2))) / 2


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


FORMULAS: dict[RouterNet, Callable[[np.ndarray, Weights], np.ndarray]] = {
    "linear": lambda x, w: x @ w["weight_ED"].T,
    "mlp": lambda x, w: gelu(x @ w["hidden_DD"].T) @ w["weight_ED"].T,
    "mlp_hadamard": lambda x, w: (
        (gelu(x @ w["gate_DD"].T) * (x @ w["hidden_DD"].T)) @ w["weight_ED"].T
    ),
    "cosine": lambda x, w: (
        unit(x @ w["projection_PD"].T) @ unit(w["expert_EP"]).T * w["sharpness_1"] / 0.07
    ),
}


@nets
def test_logits_are_the_formula(net: RouterNet) -> None:
    router, x_TD = router_of(net), inputs()
    weights = {name: p.detach().double().numpy() for name, p in router.named_parameters()}
    expected_TE = FORMULAS[net](x_TD.double().numpy(), weights)
    logits_TE = router(x_TD).detach()
    assert logits_TE.shape == (9, E)
    assert logits_TE.dtype == torch.float32
    np.testing.assert_allclose(logits_TE.numpy(), expected_TE, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(router.double()(x_TD).detach(), expected_TE, rtol=1e-10)


@nets
def test_gradient_reaches_every_parameter(net: RouterNet) -> None:
    router = router_of(net)
    upstream_TE = torch.randn(9, E, generator=torch.Generator().manual_seed(6))
    (router(inputs()) * upstream_TE).sum().backward()
    for name, parameter in router.named_parameters():
        assert parameter.grad is not None, name
        rows = parameter.grad.view(len(parameter), -1)
        assert (rows.abs().sum(1) > 0).all(), name


@nets
@pytest.mark.parametrize(("dim", "experts"), [(12, 6), (7, 2), (16, 3), (8, 64)])
def test_size_is_the_count_of_parameters(net: RouterNet, dim: int, experts: int) -> None:
    router = build_router(net, dim, experts)
    assert sum(p.numel() for p in router.parameters()) == router_parameters(net, dim, experts)


@nets
def test_half_precision_of_the_run_does_not_reach_the_router(net: RouterNet) -> None:
    router, x_TD = router_of(net), inputs().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        logits_TE = router(x_TD)
    assert logits_TE.dtype == torch.float32
    assert torch.equal(logits_TE, router(x_TD.float()))


def test_cosine_ignores_the_length_of_tokens_and_experts_and_is_bounded() -> None:
    router = router_of("cosine")
    logits_TE = router(inputs())
    torch.testing.assert_close(router(inputs(scale=1000.0)), logits_TE, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        router.expert_EP.mul_(50)
    torch.testing.assert_close(router(inputs()), logits_TE, rtol=1e-4, atol=1e-4)
    bound = float(router.sharpness_1.abs().detach()) / 0.07
    assert 0.5 * bound < float(logits_TE.detach().abs().max()) <= bound * (1 + 1e-5)


def test_cosine_sharpens_with_its_temperature() -> None:
    router = router_of("cosine")
    before_TE = router(inputs()).detach()
    with torch.no_grad():
        router.sharpness_1.mul_(2)
    torch.testing.assert_close(router(inputs()), 2 * before_TE)
