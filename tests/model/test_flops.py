"""Analytic costs against the model itself and against a count of the operations it runs."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from moe_core.model.config import Activation, TransformerConfig
from moe_core.model.flops import cost
from moe_core.model.moe_layer import DROPLESS
from moe_core.model.transformer import Transformer, build
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.router_net import ROUTER_NETS, RouterNet
from tests.conftest import HONEST, legal_k, moe_of

B, S, V = 2, 12, 30


def config_for(
    name: str | None, activation: Activation = "swiglu", tied: bool = True, **moe: Any
) -> TransformerConfig:
    return TransformerConfig(
        dim=16,
        layers=3,
        heads=2,
        ffn_hidden=moe.pop("ffn_hidden", 20),
        activation=activation,
        tied_head=tied,
        moe=moe_of(name, **{"drop_policy": "none"} | moe) if name else None,
    )


@pytest.mark.parametrize("name", [None, *registry.names()])
@settings(max_examples=15)
@given(
    heads=st.integers(1, 3),
    half_head=st.integers(1, 4),
    layers=st.integers(1, 3),
    hidden=st.integers(1, 9),
    experts=st.integers(2, 5),
    vocabulary=st.integers(1, 20),
    shared=st.integers(0, 3),
    net=st.sampled_from(ROUTER_NETS),
    activation=st.sampled_from(["swiglu", "gelu"]),
    tied=st.booleans(),
)
def test_params_total_is_the_size_of_the_model(
    name: str | None,
    heads: int,
    half_head: int,
    layers: int,
    hidden: int,
    experts: int,
    vocabulary: int,
    shared: int,
    net: RouterNet,
    activation: Activation,
    tied: bool,
) -> None:
    moe = moe_of(name, num_experts=experts, shared_hidden=shared, router=net) if name else None
    config = TransformerConfig(
        dim=heads * 2 * half_head,
        layers=layers,
        heads=heads,
        ffn_hidden=hidden,
        activation=activation,
        tied_head=tied,
        moe=moe,
    )
    model = Transformer(config, torch.ones(vocabulary, dtype=torch.int64))
    size = sum(p.numel() for p in model.parameters())  # a shared matrix appears once
    everywhere = cost(config, vocabulary, S, experts if moe else 1)
    assert everywhere.params_total == size
    assert everywhere.params_active == size


@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
def test_one_expert_of_four_leaves_three_inactive(activation: Activation) -> None:
    counted = cost(config_for("top1", activation), V, S, 1.0)
    dense = cost(config_for(None, activation), V, S, 1.0)
    expert = (3 if activation == "swiglu" else 2) * 16 * 20
    router = 4 * 16
    assert counted.params_total - counted.params_active == 3 * (4 - 1) * expert
    assert counted.params_active - dense.params_active == 3 * router
    assert counted.train_flops_per_token - dense.train_flops_per_token == 3 * 3 * 2 * router


def test_two_experts_in_a_chain_cost_two_in_parallel_and_one_more_router() -> None:
    chain, parallel = (cost(config_for(name), V, S, 2.0) for name in ("coe", "softk"))
    router = 4 * 16
    assert chain.params_total - parallel.params_total == 3 * router
    assert chain.params_active - parallel.params_active == 3 * router
    assert chain.train_flops_per_token - parallel.train_flops_per_token == 3 * 3 * 2 * router


def test_noise_costs_a_linear_router_whatever_the_router_is() -> None:
    for net in ROUTER_NETS:
        noisy, plain = (
            cost(config_for(name, router=net), V, S, 2.0) for name in ("noisy_topk", "softk")
        )
        assert noisy.params_total - plain.params_total == 3 * 4 * 16


@pytest.mark.parametrize(("hidden", "shared", "k"), [(10, 20, 2), (20, 20, 1), (5, 35, 1)])
def test_shared_expert_at_equal_active_width_costs_the_same(
    hidden: int, shared: int, k: int
) -> None:
    """One always-on expert and K narrower routed ones against two of width 20."""
    plain = cost(config_for("softk_pre", top_k=2), V, S, 2.0)
    config = config_for("softk_pre", top_k=k, ffn_hidden=hidden, shared_hidden=shared)
    split = cost(config, V, S, k)
    assert split.train_flops_per_token == plain.train_flops_per_token
    assert split.params_active == plain.params_active


def measured_flops(config: TransformerConfig, backward: bool) -> tuple[float, float]:
    """FLOPs per token that the model runs, attention made causal, and assignments per token.

    Attention over all pairs multiplies the full S x S square as batched products, which nothing
    else in the model uses; a causal token needs (S + 1) / 2 of its S columns.
    """
    model = build(config, torch.arange(1, V + 1), seed=0)
    for layer in model.moe_layers():
        layer.backend = "segments"  # padded ones multiply empty slots too
    token_id_BS = torch.randint(V, (B, S), generator=torch.Generator().manual_seed(0))
    counter = FlopCounterMode(display=False)
    with counter:
        noisy = config.moe and registry.declaration(config.moe.strategy)["noise_router"]
        draw = Draws(torch.Generator()) if noisy else None
        logits_BSV, layers = model(token_id_BS, DROPLESS, draw)
        if backward:
            logits_BSV.logsumexp(-1).sum().backward()
    counts = {op.__name__: flops for op, flops in counter.get_flop_counts()["Global"].items()}
    assert counts.keys() == {"mm", "bmm", "baddbmm"}
    kept = sum(int(layer.routing.kept_A.sum()) for layer in layers)
    flops = counts["mm"] + (counts["bmm"] + counts["baddbmm"]) * (S + 1) / (2 * S)
    return flops / (B * S), kept / (B * S) / config.layers if layers else 1.0


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
def test_dense_training_flops_are_those_of_the_operations_run(
    activation: Activation, tied: bool
) -> None:
    config = config_for(None, activation, tied)
    expected = cost(config, V, S, 1.0).train_flops_per_token
    assert 3 * measured_flops(config, backward=False)[0] == pytest.approx(expected, rel=1e-12)
    assert measured_flops(config, backward=True)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shared", [0, 7])
@pytest.mark.parametrize("name", registry.names())
def test_forward_flops_of_experts_and_router_are_those_run(name: str, shared: int) -> None:
    config = config_for(name, shared_hidden=shared)
    measured, assignments = measured_flops(config, backward=False)
    if name in HONEST and name not in ("remoe", "expert_threshold", "expert_choice"):
        assert assignments == legal_k(name)
    counted = cost(config, V, S, assignments).train_flops_per_token
    assert 3 * measured == pytest.approx(counted, rel=1e-12)


@pytest.mark.parametrize("net", ROUTER_NETS)
def test_forward_flops_of_router_networks_are_those_run(net: RouterNet) -> None:
    config = config_for("softk", router=net)
    measured, assignments = measured_flops(config, backward=False)
    counted = cost(config, V, S, assignments).train_flops_per_token
    # the scale of a cosine router multiplies, but is no matrix product
    scales = 3 * 3 * 2 if net == "cosine" else 0
    assert 3 * measured + scales == pytest.approx(counted, rel=1e-12)
