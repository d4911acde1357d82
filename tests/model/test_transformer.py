"""Initial weights, head, feed-forward networks and rotary positions."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moe_core.model import transformer
from moe_core.model.config import TransformerConfig
from moe_core.model.experts import Experts
from moe_core.model.moe_layer import DROPLESS
from moe_core.model.transformer import (
    EPS,
    Transformer,
    build,
    rotary_angles,
    rotate,
    short_attention,
)
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.router_net import ROUTER_NETS, RouterNet
from tests.conftest import HONEST, moe_of

COUNTS_V = torch.arange(1, 41)


def config_for(
    name: str | None,
    top_k: int = 2,
    experts: int = 8,
    moe: dict[str, Any] | None = None,
    **changes: Any,
) -> TransformerConfig:
    shape: dict[str, Any] = {
        "dim": 48,
        "layers": 2,
        "heads": 2,
        "ffn_hidden": 80,
        "activation": "swiglu",
        "tied_head": True,
    }
    routing = moe_of(name, top_k=top_k, num_experts=experts, **moe or {}) if name else None
    return TransformerConfig(**shape | changes, moe=routing)


def parameters(config: TransformerConfig, seed: int = 0) -> dict[str, Tensor]:
    return dict(build(config, COUNTS_V, seed).named_parameters())


@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
@pytest.mark.parametrize("experts", [1, 8, 64])
def test_d17_each_expert_starts_as_a_dense_layer_would(experts: int, activation: str) -> None:
    fan_in = {"w_in_EHD": 48, "w_out_EDF": 80}
    depth = {"w_in_EHD": 1.0, "w_out_EDF": 1 / math.sqrt(2 * 2)}
    dense = parameters(config_for(None, activation=activation))
    moe = parameters(config_for("topk_hard", 1, experts, activation=activation))
    for name in fan_in:
        weights = [dense[f"blocks.1.ffn.{name}"][0], *moe[f"blocks.1.ffn.experts.{name}"]]
        expected = depth[name] * fan_in[name] ** -0.5
        for weight in weights:  # six standard errors of a deviation: 6 / sqrt(2 n)
            assert weight.std().item() == pytest.approx(
                expected, rel=6 / math.sqrt(2 * weight.numel())
            )
            assert abs(weight.mean().item()) < 6 * expected / math.sqrt(weight.numel())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", HONEST)
def test_one_seed_gives_shared_weights_to_every_strategy_and_to_dense(
    name: str, top_k: int, tied: bool
) -> None:
    dense = parameters(config_for(None, tied_head=tied))
    ours = parameters(config_for(name, top_k, tied_head=tied))
    softk = parameters(config_for("softk", tied_head=tied))
    shared = {n for n in dense if ".ffn." not in n}
    assert shared == {n for n in ours if ".ffn." not in n}
    assert {n.split(".")[0] for n in shared} == {"embedding", "blocks", "norm"} | (
        set() if tied else {"head"}
    )
    for parameter_name in shared:
        assert torch.equal(ours[parameter_name], dense[parameter_name])
    for parameter_name in ours.keys() & softk.keys():  # experts, and linear routers
        assert torch.equal(ours[parameter_name], softk[parameter_name])
    routers = registry.declaration(name)["reads_logits"]
    assert ("blocks.1.ffn.routers.0.weight_ED" in ours.keys() & softk.keys()) == routers


@pytest.mark.parametrize("name", registry.names())
def test_seeds_layers_and_experts_differ_and_a_seed_repeats(name: str, top_k: int) -> None:
    zero, again, one = (parameters(config_for(name, top_k), seed) for seed in (0, 0, 1))
    for parameter_name, weight in zero.items():
        assert torch.equal(weight, again[parameter_name])
        fixed = weight.dim() == 1 or "noise_router" in parameter_name
        assert torch.equal(weight, one[parameter_name]) == fixed, parameter_name
        if parameter_name.startswith("blocks.0") and not fixed:
            assert not torch.equal(weight, zero[parameter_name.replace(".0.", ".1.", 1)])
    w_in_EHD = zero["blocks.0.ffn.experts.w_in_EHD"]
    assert w_in_EHD.flatten(1).unique(dim=0).shape[0] == 8


def test_steps_of_a_chain_start_from_routers_of_their_own() -> None:
    chain = parameters(config_for("coe", 3))
    routers = [chain[f"blocks.0.ffn.routers.{i}.weight_ED"] for i in range(3)]
    for i in range(3):
        assert not torch.equal(routers[i], routers[i - 1])


@pytest.mark.parametrize("net", ROUTER_NETS)
def test_noise_starts_with_one_scale_everywhere(net: RouterNet) -> None:
    """softplus(0) = ln 2, whatever the token (arXiv 1701.06538, appendix A)."""
    model = build(config_for("noisy_topk", moe={"router": net}), COUNTS_V, 0)
    for layer in model(torch.arange(32).view(2, 16), draws=Draws(torch.Generator()))[1]:
        assert layer.context.noise_logits_TE is not None
        assert layer.context.noise_logits_TE.shape == (32, 8)
        assert not layer.context.noise_logits_TE.any()


@pytest.mark.parametrize("net", ROUTER_NETS)
def test_fresh_routers_choose_but_do_not_shout(net: RouterNet) -> None:
    """Logits of unit order, sharper by cosine, so that no expert starts with all tokens."""
    model = build(config_for("softk", moe={"router": net}), COUNTS_V, 0)
    token_id_BS = torch.randint(40, (8, 32), generator=torch.Generator().manual_seed(0))
    for layer in model(token_id_BS)[1]:
        assert layer.logits_TE is not None
        spread = float(layer.logits_TE.detach().std(1).mean())
        assert 0.1 < spread < (10 if net == "cosine" else 1.5)
        assert (layer.routing.load_E() > 0).all()


@pytest.mark.parametrize("name", [n for n in registry.names() if registry.load(n).expert_std])
def test_experts_of_another_deviation_are_the_only_difference(name: str) -> None:
    k = registry.declaration(name)["min_top_k"]
    ours = parameters(config_for(name, k, layers=1))
    std = registry.load(name).expert_std
    softk = parameters(config_for("softk", layers=1))
    for parameter_name in ours.keys() & softk.keys():
        weight = ours[parameter_name]
        if ".experts." not in parameter_name:
            assert torch.equal(weight, softk[parameter_name])
            continue
        assert std is not None
        assert float(weight.detach().std()) == pytest.approx(std(*weight.shape), rel=0.05)


def test_tied_head_is_the_embedding() -> None:
    tied = build(config_for(None), COUNTS_V, 0)
    assert tied.head.weight is tied.embedding.weight
    untied = build(config_for(None, tied_head=False), COUNTS_V, 0)
    assert not torch.equal(untied.head.weight, untied.embedding.weight)
    assert torch.equal(untied.embedding.weight, tied.embedding.weight)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
def test_fresh_model_is_close_to_a_uniform_guess(activation: str, tied: bool) -> None:
    model = build(config_for("softk", activation=activation, tied_head=tied), COUNTS_V, 0)
    token_id_BS = torch.randint(40, (8, 32), generator=torch.Generator().manual_seed(0))
    logits_BSV = model(token_id_BS)[0]
    assert logits_BSV.shape == (8, 32, 40)
    assert logits_BSV.std().item() == pytest.approx(1, abs=0.5)


def dense_layer(**changes: Any) -> Transformer:
    return build(config_for(None, layers=1, **changes), COUNTS_V, 0)


@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
def test_dense_feed_forward_is_its_formula(activation: str) -> None:
    ffn = dense_layer(activation=activation).blocks[0].get_submodule("ffn").double()
    assert isinstance(ffn, Experts)
    x_TD = torch.randn(5, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pre_TH = x_TD @ ffn.w_in_EHD[0].T
    if activation == "gelu":
        hidden_TF = pre_TH * 0.5 * (1 + torch.erf(pre_TH / math.sqrt(2)))
    else:
        gate_TF, up_TF = pre_TH[:, :80], pre_TH[:, 80:]
        hidden_TF = gate_TF / (1 + torch.exp(-gate_TF)) * up_TF
    torch.testing.assert_close(ffn(x_TD), hidden_TF @ ffn.w_out_EDF[0].T)


def test_rotary_product_depends_on_the_offset_alone() -> None:
    cos, sin = rotary_angles(torch.arange(12), 8)
    q_D, k_D = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    q_SD, k_SD = (rotate(v.expand(12, 8), cos, sin) for v in (q_D, k_D))
    product_SS = q_SD @ k_SD.T
    for offset in range(-11, 12):
        diagonal = product_SS.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=0)
    assert product_SS[0].std() > 0.1
    torch.testing.assert_close(q_SD.norm(dim=-1), q_D.norm().expand(12))
    torch.testing.assert_close(q_SD[0], q_D)


def test_rotary_turns_each_pair_by_its_own_frequency() -> None:
    cos, sin = rotary_angles(torch.arange(50), 6)
    for pair in range(3):
        angle_S = torch.arange(50, dtype=torch.float64) * 10_000 ** (-2 * pair / 6)
        torch.testing.assert_close(cos[:, pair].double(), angle_S.cos(), atol=1e-5, rtol=0)
        torch.testing.assert_close(sin[:, pair].double(), angle_S.sin(), atol=1e-5, rtol=0)


def rms_norm(x_BSD: Tensor) -> Tensor:
    return x_BSD / (x_BSD.square().mean(-1, keepdim=True) + EPS).sqrt()


def turned(x_BSD: Tensor) -> Tensor:
    """Each pair of two heads as a complex number, times exp(i * position * frequency)."""
    real, imaginary = x_BSD.unflatten(-1, (2, -1)).chunk(2, dim=-1)
    pairs = torch.arange(real.shape[-1], dtype=torch.float64)
    angle = torch.outer(torch.arange(x_BSD.shape[1]), 10_000 ** (-pairs / len(pairs)))
    return torch.complex(real, imaginary) * torch.polar(torch.ones_like(angle), angle)[:, None]


def attention_output(x_BSD: Tensor, w_qkv: Tensor, w_out: Tensor) -> Tensor:
    """One query after another over the keys up to its own position."""
    q_BSD, k_BSD, v_BSD = (x_BSD @ w_qkv.T).chunk(3, dim=-1)
    q, k, v = turned(q_BSD), turned(k_BSD), v_BSD.unflatten(-1, (2, -1))
    rows = []
    for t in range(x_BSD.shape[1]):
        score = (q[:, t : t + 1] * k[:, : t + 1].conj()).real.sum(-1) / math.sqrt(v.shape[-1])
        weight = score.exp() / score.exp().sum(1, keepdim=True)
        rows.append((weight.unsqueeze(-1) * v[:, : t + 1]).sum(1).flatten(1))
    return torch.stack(rows, dim=1) @ w_out.T


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", [None, "softk", "position_hash", "hash"])
@torch.no_grad()
def test_model_is_its_formula_in_float64(name: str | None, tied: bool) -> None:
    model = build(config_for(name, tied_head=tied), COUNTS_V, 0)
    token_id_BS = torch.randint(40, (3, 9), generator=torch.Generator().manual_seed(0))
    weights = {n: w.double() for n, w in model.state_dict().items()}
    x_BSD = weights["embedding.weight"][token_id_BS] * math.sqrt(48)
    for index, block in enumerate(model.blocks):
        w_qkv, w_out = (weights[f"blocks.{index}.attention.{n}.weight"] for n in ("qkv", "out"))
        x_BSD = x_BSD + attention_output(rms_norm(x_BSD), w_qkv, w_out)
        ffn, x_TD = block.get_submodule("ffn"), rms_norm(x_BSD).flatten(0, 1).float()
        place_T = torch.arange(9).repeat(3)
        moe = (x_TD, token_id_BS.flatten(), place_T, 9, DROPLESS)
        y_TD = ffn(*moe)[0] if name else ffn(x_TD)
        x_BSD = x_BSD + y_TD.view_as(x_BSD)
    expected_BSV = rms_norm(x_BSD) @ weights["head.weight"].T
    logits_BSV = model(token_id_BS, DROPLESS)[0]
    torch.testing.assert_close(logits_BSV.double(), expected_BSV, atol=1e-4, rtol=0)


def test_random_drops_come_from_the_generator_that_was_handed_in() -> None:
    config = config_for("softk", moe={"capacity_factor": 0.5, "drop_policy": "random"})
    model = build(config, COUNTS_V, 0)

    def logits(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return model(torch.arange(32).view(2, 16), draws=Draws(generator))[0]

    assert torch.equal(logits(0), logits(0))
    assert not torch.equal(logits(0), logits(1))


@given(
    batch=st.integers(1, 3),
    heads=st.integers(1, 3),
    size=st.integers(1, 40),
    half_head=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_short_attention_is_attention(
    batch: int, heads: int, size: int, half_head: int, seed: int
) -> None:
    """Against the library's kernel, forward and backward."""
    draw = torch.Generator().manual_seed(seed)
    shape = (batch, heads, size, 2 * half_head)
    q, k, v, upstream = (
        torch.randn(shape, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(4)
    )
    outcomes = [
        (y, *torch.autograd.grad(y, (q, k, v), upstream.detach()))
        for y in (
            short_attention(q, k, v),
            F.scaled_dot_product_attention(q, k, v, is_causal=True),
        )
    ]
    for ours, theirs in zip(*outcomes, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_long_attention_is_short_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """One model by both, at a length between them; without gradients the library's is faster."""
    model = build(config_for("softk"), COUNTS_V, seed=0)
    token_id_BS = torch.randint(40, (2, 30), generator=torch.Generator().manual_seed(0))
    short_BSV = model(token_id_BS)[0]
    with torch.no_grad():
        read_BSV = model(token_id_BS)[0]
    monkeypatch.setattr(transformer, "SHORT", 0)
    long_BSV = model(token_id_BS)[0]
    torch.testing.assert_close(long_BSV, short_BSV, rtol=1e-4, atol=1e-4)
    assert not torch.equal(long_BSV, short_BSV)  # by other sums
    assert torch.equal(long_BSV, read_BSV)
