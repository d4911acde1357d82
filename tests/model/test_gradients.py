"""What trains the router: the task loss, the balance losses, or nothing, as declared."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build
from moe_core.routing import registry
from moe_core.routing.balance import switch_loss, z_loss
from moe_core.routing.draws import Draws
from moe_core.routing.router_net import ROUTER_NETS, RouterNet
from moe_core.routing.strategy import RoutedLayer
from moe_core.training.loop import auxiliary_losses
from tests.conftest import HONEST, moe_of

V, S = 30, 16
TRAINED_WITH: list[tuple[set[str], tuple[str, ...]]] = [
    ({"switch", "z"}, ("top1", "topk_hard", "softk", "softk_pre", "coe", "gshard", "noisy_topk")),
    ({"z"}, ("expert_choice", "expert_threshold")),
    ({"own"}, ("remoe",)),
    (set(), ("loss_free", "sinkhorn", "hash", "position_hash", "frozen_router")),
]


def model_for(name: str, **moe: Any) -> Transformer:
    config = TransformerConfig(
        dim=16,
        layers=2,
        heads=2,
        ffn_hidden=24,
        activation="swiglu",
        tied_head=True,
        moe=moe_of(name, **moe),
    )
    return build(config, torch.arange(1, V + 1), seed=0)


def task_loss(model: Transformer) -> tuple[Tensor, list[RoutedLayer]]:
    """With the noise of training."""
    draw = torch.Generator().manual_seed(0)
    token_id_BS = torch.randint(V, (4, S + 1), generator=draw)
    logits_BSV, layers = model(token_id_BS[:, :-1], draws=Draws(draw))
    return cross_entropy(logits_BSV.flatten(0, 1), token_id_BS[:, 1:].flatten()), layers


def auxiliary(name: str, layers: list[RoutedLayer]) -> dict[str, Tensor]:
    return auxiliary_losses(registry.load(name), layers, None)


def router_parameters(model: Transformer) -> dict[str, Tensor]:
    return {n: p for n, p in model.named_parameters() if "router" in n}


def was_reached(parameter: Tensor) -> bool:
    return parameter.grad is not None and bool(parameter.grad.abs().max() > 0)


@pytest.mark.parametrize("name", HONEST)
def test_every_parameter_learns_or_the_strategy_declares_why_not(name: str) -> None:
    model = model_for(name, shared_hidden=8, jitter=0.1)
    loss, layers = task_loss(model)
    loss = loss + 0.01 * sum(auxiliary(name, layers).values())
    loss.backward()
    frozen = registry.declaration(name)["router_gradient"] == "none"
    routers = router_parameters(model)
    for parameter_name, parameter in model.named_parameters():
        if frozen and parameter_name in routers:
            assert parameter.grad is None, parameter_name
            continue
        assert parameter.grad is not None, parameter_name
        rows = parameter.grad.flatten(1) if parameter_name in routers else parameter.grad.flatten()
        assert (rows.abs().sum(-1) > 0).all(), parameter_name


@pytest.mark.parametrize("net", ROUTER_NETS)
@pytest.mark.parametrize("name", ["softk", "noisy_topk", "remoe", "coe", "sinkhorn"])
def test_every_parameter_of_every_router_network_learns(name: str, net: RouterNet) -> None:
    model = model_for(name, router=net)
    task_loss(model)[0].backward()
    for parameter_name, parameter in router_parameters(model).items():
        assert was_reached(parameter), parameter_name


@pytest.mark.parametrize("name", registry.names())
def test_d2_task_loss_reaches_the_router_exactly_where_declared(name: str) -> None:
    model = model_for(name)
    task_loss(model)[0].backward()
    declared = registry.declaration(name)
    routers = router_parameters(model)
    assert bool(routers) == declared["reads_logits"]
    for parameter_name, parameter in routers.items():
        assert was_reached(parameter) == (declared["router_gradient"] == "task"), parameter_name


@pytest.mark.parametrize(
    ("name", "terms"), [(name, terms) for terms, names in TRAINED_WITH for name in names]
)
def test_terms_that_each_strategy_is_trained_with(name: str, terms: set[str]) -> None:
    assert auxiliary(name, task_loss(model_for(name))[1]).keys() == terms


@pytest.mark.parametrize("name", HONEST)
def test_d1_each_balance_loss_alone_reaches_every_router(name: str) -> None:
    for term in auxiliary(name, task_loss(model_for(name))[1]):
        model = model_for(name)
        auxiliary(name, task_loss(model)[1])[term].backward()
        for parameter_name, parameter in router_parameters(model).items():
            if "noise" not in parameter_name:
                assert was_reached(parameter), (term, parameter_name)


@pytest.mark.parametrize("name", ["softk", "noisy_topk", "coe", "topk_hard"])
@pytest.mark.parametrize("sequences", [None, 1, 2])
def test_auxiliary_losses_are_means_over_layers_and_steps(name: str, sequences: int | None) -> None:
    with torch.no_grad():
        layers = task_loss(model_for(name))[1]
    assert len(layers) == (4 if name == "coe" else 2)
    terms = auxiliary_losses(registry.load(name), layers, sequences)
    scope = S * (sequences or 4)
    balance = [float(switch_loss(r.logits_TE, r.routing, scope)) for r in layers]
    assert float(terms["switch"]) == pytest.approx(sum(balance) / len(balance))
    z = [float(z_loss(r.logits_TE)) for r in layers]
    assert float(terms["z"]) == pytest.approx(sum(z) / len(z))


def test_d8_balance_loss_reads_load_before_dropping() -> None:
    layers = task_loss(model_for("softk"))[1]
    assert not all(layer.routing.kept_A.all() for layer in layers)
    everything = [
        replace(layer, routing=layer.routing.with_kept(torch.ones_like(layer.routing.kept_A)))
        for layer in layers
    ]
    assert auxiliary("softk", layers) == auxiliary("softk", everything)
