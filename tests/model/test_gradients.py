"""What trains the router: the task loss, the balance losses, or nothing, as declared."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.moe_layer import RoutedLayer
from moe_core.model.transformer import Transformer, build
from moe_core.routing import registry
from moe_core.training.loop import auxiliary_losses

V = 30


def model_for(name: str, top_k: int) -> Transformer:
    moe = MoEConfig(
        strategy=name, num_experts=4, top_k=top_k, capacity_factor=1.0, drop_policy="position"
    )
    config = TransformerConfig(
        dim=16, layers=2, heads=2, ffn_hidden=24, activation="swiglu", tied_head=True, moe=moe
    )
    return build(config, torch.arange(1, V + 1), seed=0)


def task_loss(model: Transformer) -> tuple[Tensor, list[RoutedLayer]]:
    token_id_BS = torch.randint(V, (4, 17), generator=torch.Generator().manual_seed(0))
    logits_BSV, layers = model(token_id_BS[:, :-1])
    return cross_entropy(logits_BSV.flatten(0, 1), token_id_BS[:, 1:].flatten()), layers


def router_parameters(model: Transformer) -> dict[str, Tensor]:
    return {n: p for n, p in model.named_parameters() if ".router." in n}


def was_reached(parameter: Tensor) -> bool:
    return parameter.grad is not None and bool(parameter.grad.abs().max() > 0)


@pytest.mark.parametrize("name", registry.names())
def test_every_parameter_learns_or_the_strategy_declares_why_not(name: str, top_k: int) -> None:
    model = model_for(name, top_k)
    loss, layers = task_loss(model)
    balance, z = auxiliary_losses(layers)
    (loss + 0.01 * balance + 0.001 * z).backward()
    routers = router_parameters(model)
    assert bool(routers) == (registry.declaration(name)["router_gradient"] != "none")
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        rows = parameter.grad.flatten(1) if parameter_name in routers else parameter.grad.flatten()
        assert (rows.abs().sum(-1) > 0).all(), parameter_name


@pytest.mark.parametrize("name", registry.names())
def test_d2_task_loss_reaches_the_router_exactly_where_declared(name: str, top_k: int) -> None:
    model = model_for(name, top_k)
    task_loss(model)[0].backward()
    trained = registry.declaration(name)["router_gradient"] == "task"
    for parameter_name, parameter in router_parameters(model).items():
        assert was_reached(parameter) == trained, parameter_name


@pytest.mark.parametrize("name", registry.names())
def test_d1_balance_losses_alone_reach_every_router(name: str, top_k: int) -> None:
    for which in (0, 1):
        model = model_for(name, top_k)
        loss = auxiliary_losses(task_loss(model)[1])[which]
        if not registry.declaration(name)["reads_logits"]:
            assert loss == 0.0
            continue
        assert isinstance(loss, Tensor)
        loss.backward()
        for parameter_name, parameter in router_parameters(model).items():
            assert was_reached(parameter), parameter_name


def test_d8_balance_loss_reads_load_before_dropping() -> None:
    model = model_for("softk", 2)
    layers = task_loss(model)[1]
    assert not all(layer.routing.kept_A.all() for layer in layers)
    everything = [
        RoutedLayer(layer.routing.with_kept(torch.ones_like(layer.routing.kept_A)), layer.logits_TE)
        for layer in layers
    ]
    assert auxiliary_losses(layers) == auxiliary_losses(everything)
