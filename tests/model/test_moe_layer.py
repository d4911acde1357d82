"""The layer against plain float64 loops over each rule, and against Mixtral."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from moe_core.errors import StudyError
from moe_core.model.config import Activation, DropPolicy, MoEConfig
from moe_core.model.moe_layer import MoELayer
from moe_core.routing import registry
from moe_core.routing.capacity import slots_per_expert

B, S, D, F, E, V = 3, 12, 8, 10, 6, 20
COUNTS_V = (1000 / torch.arange(1, V + 1)).long()
Chosen = list[tuple[int, Tensor]]


def layer_for(
    strategy: str,
    k: int,
    activation: Activation = "swiglu",
    factor: float = 1.0,
    policy: DropPolicy = "none",
) -> MoELayer:
    """A layer with weights of order one, so that experts and routers differ plainly."""
    config = MoEConfig(
        strategy=strategy, num_experts=E, top_k=k, capacity_factor=factor, drop_policy=policy
    )
    layer = MoELayer(config, D, F, activation, COUNTS_V)
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters()):
            parameter.normal_(std=0.5, generator=torch.Generator().manual_seed(seed))
    return layer


def batch() -> tuple[Tensor, Tensor]:
    """x_TD and token_id_T of B sequences."""
    generator = torch.Generator().manual_seed(9)
    x_TD = torch.randn(B * S, D, generator=generator, requires_grad=True)
    return x_TD, torch.randint(V, (B * S,), generator=generator)


def expert_output(x_D: Tensor, w_in_HD: Tensor, w_out_DF: Tensor, activation: Activation) -> Tensor:
    pre_H = w_in_HD @ x_D
    if activation == "gelu":
        return w_out_DF @ (pre_H * 0.5 * (1 + torch.erf(pre_H / 2**0.5)))
    gate_F, up_F = pre_H[:F], pre_H[F:]
    return w_out_DF @ (gate_F / (1 + torch.exp(-gate_F)) * up_F)


def probabilities(z_E: Tensor) -> Tensor:
    return z_E.exp() / z_E.exp().sum()


def ranked(z_E: Tensor) -> list[int]:
    return sorted(range(E), key=z_E.tolist().__getitem__, reverse=True)


def token_choice_rule(strategy: str, z_E: Tensor, k: int, hashed: list[int]) -> Chosen:
    """Experts and weights of one token, best first; hashed: its id's row of the fixed table."""
    match strategy:
        case "top1":
            best = ranked(z_E)[0]
            return [(best, probabilities(z_E)[best])]
        case "topk_hard":
            return [(e, torch.tensor(1 / k)) for e in ranked(z_E)[:k]]
        case "softk":
            chosen = ranked(z_E)[:k]
            total = sum(z_E[e].exp() for e in chosen)
            return [(e, z_E[e].exp() / total) for e in chosen]
        case "hash":
            return [(e, torch.tensor(1 / k)) for e in hashed]
    raise NotImplementedError(strategy)


def expert_choice_rule(z_TE: Tensor, capacity: int) -> list[Chosen]:
    chosen: list[Chosen] = [[] for _ in range(B * S)]
    for start in range(0, B * S, S):
        prob = {t: probabilities(z_TE[t]) for t in range(start, start + S)}
        for e in range(E):
            for t in sorted(prob, key=lambda t: prob[t][e].item(), reverse=True)[:capacity]:
                chosen[t].append((e, prob[t][e]))
    return chosen


def reference_output(
    layer: MoELayer, weights: dict[str, Tensor], x_TD: Tensor, token_id_T: Tensor, limited: bool
) -> Tensor:
    """One token after another, one expert after another, in the precision of the inputs."""
    config, strategy = layer.config, layer.config.strategy
    capacity = slots_per_expert(config.capacity_factor, config.top_k, S, E)
    z_TE = x_TD @ weights["router.weight_ED"].T if "router.weight_ED" in weights else x_TD
    if strategy == "expert_choice":
        chosen, limited = expert_choice_rule(z_TE, capacity), False
    else:
        table = layer.table_VK.tolist() if layer.table_VK is not None else [[]] * V
        chosen = [
            token_choice_rule(strategy, z_TE[t], config.top_k, table[token_id_T[t]])
            for t in range(B * S)
        ]
    taken: Counter[tuple[int, int]] = Counter()
    rows = []
    for t in range(B * S):
        y_D = torch.zeros(D, dtype=x_TD.dtype)
        for e, weight in chosen[t]:
            taken[t // S, e] += 1
            if limited and taken[t // S, e] > capacity:
                continue
            w_in_HD, w_out_DF = weights["experts.w_in_EHD"][e], weights["experts.w_out_EDF"][e]
            y_D = y_D + weight * expert_output(x_TD[t], w_in_HD, w_out_DF, layer.experts.activation)
        rows.append(y_D)
    return torch.stack(rows)


@pytest.mark.parametrize("limited", [False, True], ids=["dropless", "at capacity"])
@pytest.mark.parametrize("activation", ["swiglu", "gelu"])
@pytest.mark.parametrize(
    ("name", "k"),
    [
        ("top1", 1),
        ("topk_hard", 1),
        ("topk_hard", 3),
        ("softk", 2),
        ("softk", 3),
        ("hash", 1),
        ("hash", 2),
        ("expert_choice", 1),
        ("expert_choice", 2),
    ],
)
def test_layer_is_a_float64_loop_over_its_rule_forward_and_backward(
    name: str, k: int, activation: Activation, limited: bool
) -> None:
    layer = layer_for(name, k, activation, factor=0.75, policy="position")
    x_TD, token_id_T = batch()
    y_TD, routed = layer(x_TD, token_id_T, S, dropless=not limited)
    assert limited == (not routed.routing.kept_A.all()) or name == "expert_choice"

    exact = {n: p.detach().double().requires_grad_() for n, p in layer.named_parameters()}
    exact_x_TD = x_TD.detach().double().requires_grad_()
    expected_TD = reference_output(layer, exact, exact_x_TD, token_id_T, limited)
    torch.testing.assert_close(y_TD.double(), expected_TD, atol=1e-5, rtol=1e-5)

    generator = torch.Generator().manual_seed(5)
    upstream_TD = torch.randn(y_TD.shape, generator=generator)
    y_TD.backward(upstream_TD)
    expected_TD.backward(upstream_TD.double())
    parameters = zip(layer.parameters(), exact.values(), strict=True)
    for leaf, exact_leaf in [(x_TD, exact_x_TD), *parameters]:
        if exact_leaf.grad is None:
            assert leaf.grad is None
        else:
            assert leaf.grad is not None
            torch.testing.assert_close(leaf.grad.double(), exact_leaf.grad, atol=1e-4, rtol=1e-5)


def test_soft_routing_to_all_experts_is_the_dense_mixture() -> None:
    layer = layer_for("softk", k=E)
    x_TD, token_id_T = batch()
    weights = {n: p.detach().double() for n, p in layer.named_parameters()}
    expected = []
    for x_D in x_TD.detach().double():
        prob_E = probabilities(weights["router.weight_ED"] @ x_D)
        experts = zip(weights["experts.w_in_EHD"], weights["experts.w_out_EDF"], strict=True)
        outputs = [expert_output(x_D, *w, "swiglu") for w in experts]
        expected.append(sum(p * y_D for p, y_D in zip(prob_E, outputs, strict=True)))
    y_TD, _ = layer(x_TD, token_id_T, S)
    torch.testing.assert_close(y_TD.double(), torch.stack(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("k", [2, 4])
def test_softk_is_mixtral_forward_and_backward(k: int) -> None:
    mixtral = pytest.importorskip("transformers.models.mixtral.modeling_mixtral")
    config = mixtral.MixtralConfig(
        hidden_size=D,
        intermediate_size=F,
        num_local_experts=E,
        num_experts_per_tok=k,
        router_jitter_noise=0.0,
    )
    config._experts_implementation = "eager"
    layer, block = layer_for("softk", k), mixtral.MixtralSparseMoeBlock(config)
    assert layer.router is not None
    pairs = [
        (layer.router.weight_ED, block.gate.weight),
        (layer.experts.w_in_EHD, block.experts.gate_up_proj),
        (layer.experts.w_out_EDF, block.experts.down_proj),
    ]
    with torch.no_grad():
        for ours, theirs in pairs:
            theirs.copy_(ours)
    x_TD, token_id_T = batch()
    twin_TD = x_TD.detach().clone().requires_grad_()
    y_TD, _ = layer(x_TD, token_id_T, S)
    twin_y_TD = block(twin_TD.view(B, S, D)).flatten(0, 1)
    torch.testing.assert_close(y_TD, twin_y_TD, atol=1e-5, rtol=0)

    upstream_TD = torch.randn(y_TD.shape, generator=torch.Generator().manual_seed(5))
    y_TD.backward(upstream_TD)
    twin_y_TD.backward(upstream_TD)
    for leaf, twin in [(x_TD, twin_TD), *pairs]:
        assert twin.grad.abs().max() > 1e-2
        torch.testing.assert_close(leaf.grad, twin.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", registry.names())
def test_dropless_keeps_all_and_capacity_limits_each_sequence(name: str, top_k: int) -> None:
    layer = layer_for(name, top_k, factor=0.5, policy="position")
    x_TD, token_id_T = batch()
    capacity = slots_per_expert(0.5, top_k, S, E)
    dropless = layer(x_TD, token_id_T, S, dropless=True)[1].routing
    limited = layer(x_TD, token_id_T, S)[1].routing
    assert dropless.kept_A.all()
    assert limited.load_E().tolist() == dropless.load_E().tolist()
    if layer.strategy.group == "token":
        assert dropless.kept_A.numel() == B * S * top_k
        assert not limited.kept_A.all()
    assert int((limited.dense_TE() > 0).view(B, S, E).sum(1).max()) <= capacity


@pytest.mark.parametrize("name", registry.names())
def test_router_decides_in_float32_under_autocast(name: str, top_k: int) -> None:
    layer = layer_for(name, top_k)
    x_TD, token_id_T = batch()
    _, exact = layer(x_TD, token_id_T, S)
    with torch.autocast("cpu", torch.bfloat16):
        y_TD, routed = layer(x_TD, token_id_T, S)
    assert y_TD.dtype == torch.bfloat16
    assert torch.equal(routed.routing.dense_TE(), exact.routing.dense_TE())


@pytest.mark.parametrize("name", registry.names())
def test_an_illegal_k_is_refused(name: str) -> None:
    declared = registry.declaration(name)
    for k in (declared["min_top_k"] - 1, (declared["max_top_k"] or E) + 1):
        if k > 0:
            with pytest.raises(StudyError, match=f"top_k: {k} is not legal for strategy '{name}'"):
                layer_for(name, k)
