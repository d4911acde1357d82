"""Analytic costs against the model itself and against a count of the operations it runs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from moe_core.model.config import Activation, MoEConfig, TransformerConfig
from moe_core.model.flops import cost
from moe_core.model.transformer import Transformer, build
from moe_core.routing import registry

B, S, V = 2, 12, 30


def config_for(
    name: str | None, top_k: int, activation: Activation, tied: bool
) -> TransformerConfig:
    moe = name and MoEConfig(
        strategy=name, num_experts=4, top_k=top_k, capacity_factor=1.0, drop_policy="none"
    )
    return TransformerConfig(
        dim=16,
        layers=3,
        heads=2,
        ffn_hidden=20,
        activation=activation,
        tied_head=tied,
        moe=moe or None,
    )


@pytest.mark.parametrize("name", [None, *registry.names()])
@given(
    heads=st.integers(1, 3),
    half_head=st.integers(1, 4),
    layers=st.integers(1, 3),
    hidden=st.integers(1, 9),
    experts=st.integers(2, 5),
    vocabulary=st.integers(1, 20),
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
    activation: Activation,
    tied: bool,
) -> None:
    moe = name and MoEConfig(
        strategy=name,
        num_experts=experts,
        top_k=registry.declaration(name)["min_top_k"],
        capacity_factor=1.0,
        drop_policy="none",
    )
    config = TransformerConfig(
        dim=heads * 2 * half_head,
        layers=layers,
        heads=heads,
        ffn_hidden=hidden,
        activation=activation,
        tied_head=tied,
        moe=moe or None,
    )
    model = Transformer(config, torch.ones(vocabulary, dtype=torch.int64))
    size = sum(p.numel() for p in model.parameters())  # a shared matrix appears once
    everywhere = cost(config, vocabulary, S, experts if moe else 1)
    assert everywhere.params_total == size
    assert everywhere.params_active == size


@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
def test_one_expert_of_four_leaves_three_inactive(activation: Activation) -> None:
    config = config_for("top1", 1, activation, tied=True)
    counted = cost(config, V, S, 1.0)
    dense = cost(config_for(None, 1, activation, tied=True), V, S, 1.0)
    expert = (3 if activation == "swiglu" else 2) * 16 * 20
    router = 4 * 16
    assert counted.params_total - counted.params_active == 3 * (4 - 1) * expert
    assert counted.params_active - dense.params_active == 3 * router
    assert counted.train_flops_per_token - dense.train_flops_per_token == 3 * 3 * 2 * router


def measured_flops(config: TransformerConfig, backward: bool) -> tuple[float, float]:
    """FLOPs per token that the model runs, attention made causal, and assignments per token.

    The mathematical attention multiplies the full S x S square as batched products, which nothing
    else in the model uses; a causal token needs (S + 1) / 2 of its S columns.
    """
    model = build(config, torch.arange(1, V + 1), seed=0)
    token_id_BS = torch.randint(V, (B, S), generator=torch.Generator().manual_seed(0))
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        logits_BSV, layers = model(token_id_BS, dropless=True)
        if backward:
            logits_BSV.logsumexp(-1).sum().backward()
    counts = {op.__name__: flops for op, flops in counter.get_flop_counts()["Global"].items()}
    assert counts.keys() == {"mm", "bmm"}
    kept = [int(layer.routing.kept_A.sum()) / (B * S) for layer in layers] or [1.0]
    flops = counts["mm"] + counts["bmm"] * (S + 1) / (2 * S)
    return flops / (B * S), sum(kept) / len(kept)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
def test_dense_training_flops_are_those_of_the_operations_run(
    activation: Activation, tied: bool
) -> None:
    config = config_for(None, 1, activation, tied)
    expected = cost(config, V, S, 1.0).train_flops_per_token
    assert 3 * measured_flops(config, backward=False)[0] == pytest.approx(expected, rel=1e-12)
    assert measured_flops(config, backward=True)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", registry.names())
def test_forward_flops_of_experts_and_router_are_those_run(name: str, top_k: int) -> None:
    config = config_for(name, top_k, "swiglu", tied=True)
    measured, assignments = measured_flops(config, backward=False)
    counted = cost(config, V, S, assignments).train_flops_per_token
    assert 3 * measured == pytest.approx(counted, rel=1e-12)
