"""The layer against plain float64 loops over each rule, and against Mixtral."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from moe_core.errors import StudyError
from moe_core.model.config import Activation
from moe_core.model.experts import Experts
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING, Mode, MoELayer
from moe_core.model.transformer import routed_experts
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.router_net import ROUTER_NETS, RouterNet
from moe_core.routing.slots import slots_per_expert
from tests.conftest import HONEST, legal_k, moe_of

B, S, D, F, E, V = 3, 12, 8, 10, 6, 20
COUNTS_V = (1000 / torch.arange(1, V + 1)).long()
MODES = {"at capacity": TRAINING, "dropless": DROPLESS, "decode": CAUSAL}
Chosen = list[tuple[int, Tensor]]
Weights = dict[str, Tensor]


def layer_for(strategy: str, k: int, activation: Activation = "swiglu", **moe: Any) -> MoELayer:
    """A layer with weights and state of order one, so that experts and routers differ plainly."""
    config = moe_of(strategy, num_experts=E, top_k=k, **{"drop_policy": "none"} | moe)
    layer = routed_experts(config, D, F, activation, COUNTS_V)
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters()):
            parameter.normal_(std=0.5, generator=torch.Generator().manual_seed(seed))
        for seed, state in enumerate(layer.states):
            draw = torch.Generator().manual_seed(seed)
            for name, buffer in state.named_buffers():
                if name in ("bias_E", "threshold_E"):
                    buffer += 0.1 * torch.randn(E, generator=draw)
    return layer


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """x_TD, token_id_T and position_T of B sequences."""
    generator = torch.Generator().manual_seed(9)
    x_TD = torch.randn(B * S, D, generator=generator, requires_grad=True)
    return x_TD, torch.randint(V, (B * S,), generator=generator), torch.arange(S).repeat(B)


def expert_output(x_D: Tensor, w_in_HD: Tensor, w_out_DF: Tensor, activation: Activation) -> Tensor:
    pre_H = w_in_HD @ x_D
    if activation == "gelu":
        return w_out_DF @ (pre_H * 0.5 * (1 + torch.erf(pre_H / 2**0.5)))
    gate_F, up_F = pre_H.chunk(2)
    return w_out_DF @ (gate_F / (1 + torch.exp(-gate_F)) * up_F)


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / 2**0.5)) / 2


def router_output(net: RouterNet, x_D: Tensor, weights: Weights, step: int) -> Tensor:
    """z_E of one token by router ``step``."""
    w = {n.split(".")[2]: p for n, p in weights.items() if n.startswith(f"routers.{step}.")}
    match net:
        case "linear":
            return w["weight_ED"] @ x_D
        case "mlp":
            return w["weight_ED"] @ gelu(w["hidden_DD"] @ x_D)
        case "mlp_hadamard":
            return w["weight_ED"] @ (gelu(w["gate_DD"] @ x_D) * (w["hidden_DD"] @ x_D))
        case "cosine":
            low_P, expert_EP = w["projection_PD"] @ x_D, w["expert_EP"]
            norms_E = expert_EP.square().sum(1).sqrt() * low_P.square().sum().sqrt()
            return expert_EP @ low_P / norms_E * w["sharpness_1"] / 0.07


def probabilities(z_E: Tensor) -> Tensor:
    return z_E.exp() / z_E.exp().sum()


def sigmoid(z_E: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-z_E))


def softmax_over(z_E: Tensor, chosen: list[int]) -> Chosen:
    total = sum(z_E[e].exp() for e in chosen)
    return [(e, z_E[e].exp() / total) for e in chosen]


def ranked(score_E: Tensor, state: Weights, k: int) -> list[int]:
    """The k experts of largest bounded score, a balancing bias added, best first."""
    biased = (score_E.detach() + state.get("bias_E", torch.zeros(E))).tolist()
    return sorted(range(E), key=biased.__getitem__, reverse=True)[:k]


def above(z_E: Tensor, state: Weights) -> Chosen:
    prob_E = probabilities(z_E)
    return [(e, prob_E[e]) for e in range(E) if prob_E[e] > state["threshold_E"][e]]


def row_rule(
    strategy: str, z_E: Tensor, k: int, state: Weights, position: int, hashed: list[int]
) -> Chosen:
    """Experts and weights of one token, best first; hashed: its id's row of the fixed table."""
    match strategy:
        case "top1" | "coe" | "softk_pre":
            return [(e, probabilities(z_E)[e]) for e in ranked(probabilities(z_E), state, k)]
        case "topk_hard":
            return [(e, torch.tensor(1 / k)) for e in ranked(probabilities(z_E), state, k)]
        case "softk" | "frozen_router" | "noisy_topk" | "gshard":
            return softmax_over(z_E, ranked(probabilities(z_E), state, k))
        case "loss_free" | "sinkhorn":  # the latter a decoder's
            return [(e, sigmoid(z_E)[e]) for e in ranked(sigmoid(z_E), state, k)]
        case "remoe":
            return [(e, z_E[e]) for e in range(E) if z_E[e] > 0]
        case "expert_threshold" | "expert_choice":  # the latter a decoder's
            return above(z_E, state)
        case "hash":
            return [(e, torch.tensor(1 / k)) for e in hashed]
        case "position_hash":
            return [((position + i) % E, torch.tensor(1 / k)) for i in range(k)]
    pytest.skip(f"{strategy} has no loop here: a strategy from outside is held to its properties")


def expert_choice_rule(z_SE: Tensor, k: int, state: Weights, capacity: int) -> list[Chosen]:
    chosen: list[Chosen] = [[] for _ in z_SE]
    prob = [probabilities(z_E) for z_E in z_SE]
    for e in range(E):
        for t in sorted(range(S), key=lambda t: prob[t][e].item(), reverse=True)[:capacity]:
            chosen[t].append((e, prob[t][e]))
    return chosen


def sinkhorn_rule(z_SE: Tensor, k: int, state: Weights, capacity: int) -> list[Chosen]:
    plan_SE = torch.stack([probabilities(z_E) for z_E in z_SE.detach()])
    while ((plan_SE.sum(0) * E / S - 1).abs() > 0.01).any():
        plan_SE = plan_SE / plan_SE.sum(0) * (S / E)
        plan_SE = plan_SE / plan_SE.sum(1, keepdim=True)
    rows = zip(plan_SE, z_SE, strict=True)
    return [[(e, sigmoid(z_E)[e]) for e in ranked(row_E, state, k)] for row_E, z_E in rows]


# rules of training that look at a whole sequence
SEQUENCE_RULES: dict[str, Callable[[Tensor, int, Weights, int], list[Chosen]]] = {
    "expert_choice": expert_choice_rule,
    "sinkhorn": sinkhorn_rule,
}


def step_output(
    layer: MoELayer, weights: Weights, x_TD: Tensor, token_id_T: Tensor, mode: Mode, step: int
) -> Tensor:
    """One token after another, one expert after another, in the precision of the inputs."""
    config, strategy = layer.config, layer.config.strategy
    k = 1 if strategy == "coe" else config.top_k
    capacity = slots_per_expert(config.capacity_factor, k, S, E)
    unlimited = ("expert_choice", "expert_threshold", "remoe")
    limited = mode == TRAINING and config.drop_policy != "none" and strategy not in unlimited
    state = dict(layer.states[step].named_buffers())
    z = [router_output(config.router, x_D, weights, step) if layer.routers else x_D for x_D in x_TD]
    if mode.rule == "train" and strategy in SEQUENCE_RULES:
        rule = SEQUENCE_RULES[strategy]
        sequences = (torch.stack(z[start : start + S]) for start in range(0, B * S, S))
        chosen = [row for z_SE in sequences for row in rule(z_SE, k, state, capacity)]
    else:
        table = layer.table_VK.tolist() if layer.table_VK is not None else [[]] * V
        chosen = [
            row_rule(strategy, z[t], k, state, t % S, table[token_id_T[t]]) for t in range(B * S)
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


def reference_output(
    layer: MoELayer, weights: Weights, x_TD: Tensor, token_id_T: Tensor, mode: Mode
) -> Tensor:
    """The shared expert and all steps, each of which sees what those before it added."""
    total_TD = torch.zeros_like(x_TD)
    if layer.config.shared_hidden:
        shared = [weights[f"shared.{n}"][0] for n in ("w_in_EHD", "w_out_EDF")]
        activation = layer.experts.activation
        total_TD = torch.stack([expert_output(x_D, *shared, activation) for x_D in x_TD])
    for step in range(layer.config.top_k if layer.config.strategy == "coe" else 1):
        y_TD = step_output(layer, weights, x_TD, token_id_T, mode, step)
        total_TD, x_TD = total_TD + y_TD, x_TD + y_TD
    return total_TD


def check_against_loop(layer: MoELayer, mode: Mode) -> None:
    """Forward and backward, to the precision of float32 weights 1/K of the hard rules."""
    layer.double()
    x_TD, token_id_T, position_T = batch()
    x_TD = x_TD.detach().double().requires_grad_()
    y_TD, _ = layer(x_TD, token_id_T, position_T, S, mode)
    exact = {n: p.detach().clone().requires_grad_() for n, p in layer.named_parameters()}
    exact_x_TD = x_TD.detach().clone().requires_grad_()
    expected_TD = reference_output(layer, exact, exact_x_TD, token_id_T, mode)
    torch.testing.assert_close(y_TD, expected_TD, atol=1e-6, rtol=1e-6)

    generator = torch.Generator().manual_seed(5)
    upstream_TD = torch.randn(y_TD.shape, generator=generator, dtype=torch.float64)
    y_TD.backward(upstream_TD)
    expected_TD.backward(upstream_TD)
    parameters = zip(layer.named_parameters(), exact.values(), strict=True)
    for (name, leaf), exact_leaf in [(("x", x_TD), exact_x_TD), *parameters]:
        # nothing but noise reads the noise router, and a frozen router keeps no gradient
        if exact_leaf.grad is None or not leaf.requires_grad or "noise" in name:
            assert leaf.grad is None or not leaf.grad.any(), name
        else:
            assert leaf.grad is not None, name
            torch.testing.assert_close(leaf.grad, exact_leaf.grad, atol=1e-6, rtol=1e-6)


MORE = [("topk_hard", 1), ("topk_hard", 3), ("softk", 3), ("softk_pre", 1), ("loss_free", 1)]
MORE += [("hash", 1), ("position_hash", 3), ("expert_choice", 1), ("sinkhorn", 1), ("coe", 3)]


@pytest.mark.parametrize(
    ("mode", "activation"), [*((mode, "swiglu") for mode in MODES), ("at capacity", "gelu")]
)
@pytest.mark.parametrize(("name", "k"), [*((n, legal_k(n)) for n in HONEST), *MORE])
def test_layer_is_a_float64_loop_over_its_rule_forward_and_backward(
    name: str, k: int, mode: str, activation: Activation
) -> None:
    layer = layer_for(name, k, activation, capacity_factor=0.75, drop_policy="position")
    routed = layer(*batch(), S, MODES[mode])[1]
    unlimited = ("expert_choice", "expert_threshold", "remoe")
    drops = mode == "at capacity" and name not in unlimited
    assert drops == (not all(step.routing.kept_A.all() for step in routed))
    check_against_loop(layer, MODES[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", HONEST)
def test_modifiers_are_in_the_loop_too(name: str, top_k: int, mode: str) -> None:
    """A shared expert, a bias of the choice, another router network, all at once."""
    net = ROUTER_NETS[1 + HONEST.index(name) % 3]
    layer = layer_for(
        name, top_k, router=net, shared_hidden=5, bias_rate=0.1, drop_policy="position"
    )
    assert "bias_E" in dict(layer.states[0].named_buffers())
    check_against_loop(layer, MODES[mode])


@pytest.mark.parametrize("net", ROUTER_NETS)
def test_each_router_network_is_in_the_loop(net: RouterNet) -> None:
    check_against_loop(layer_for("softk", 2, router=net), TRAINING)


def test_steps_of_a_chain_have_routers_of_their_own_over_the_same_experts() -> None:
    layer = layer_for("coe", 3, drop_policy="position")
    x_TD, token_id_T, position_T = batch()
    y_TD, steps = layer(x_TD, token_id_T, position_T, S)
    assert len(layer.routers) == len(steps) == len(layer.states) == 3
    chosen = [step.routing.expert_A.tolist() for step in steps]
    assert chosen[0] != chosen[1] != chosen[2] != chosen[0]
    assert all(step.routing.token_A.tolist() == [*range(B * S)] for step in steps)
    assert {step.context.top_k for step in steps} == {1}
    with torch.no_grad():  # without experts nothing is added, and each router sees x itself
        layer.experts.w_out_EDF.zero_()
    y_TD, steps = layer(x_TD, token_id_T, position_T, S)
    assert not y_TD.any()
    for step, router in zip(steps, layer.routers, strict=True):
        assert torch.equal(step.logits_TE, router(x_TD))


def test_soft_routing_to_all_experts_is_the_dense_mixture() -> None:
    layer = layer_for("softk", k=E)
    x_TD, token_id_T, position_T = batch()
    weights = {n: p.detach().double() for n, p in layer.named_parameters()}
    expected = []
    for x_D in x_TD.detach().double():
        prob_E = probabilities(weights["routers.0.weight_ED"] @ x_D)
        experts = zip(weights["experts.w_in_EHD"], weights["experts.w_out_EDF"], strict=True)
        outputs = [expert_output(x_D, *w, "swiglu") for w in experts]
        expected.append(sum(p * y_D for p, y_D in zip(prob_E, outputs, strict=True)))
    y_TD, _ = layer(x_TD, token_id_T, position_T, S)
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
    pairs = [
        (layer.routers[0].weight_ED, block.gate.weight),
        (layer.experts.w_in_EHD, block.experts.gate_up_proj),
        (layer.experts.w_out_EDF, block.experts.down_proj),
    ]
    with torch.no_grad():
        for ours, theirs in pairs:
            theirs.copy_(ours)
    x_TD, token_id_T, position_T = batch()
    twin_TD = x_TD.detach().clone().requires_grad_()
    y_TD, _ = layer(x_TD, token_id_T, position_T, S)
    twin_y_TD = block(twin_TD.view(B, S, D)).flatten(0, 1)
    torch.testing.assert_close(y_TD, twin_y_TD, atol=1e-5, rtol=0)

    upstream_TD = torch.randn(y_TD.shape, generator=torch.Generator().manual_seed(5))
    y_TD.backward(upstream_TD)
    twin_y_TD.backward(upstream_TD)
    for leaf, twin in [(x_TD, twin_TD), *pairs]:
        assert twin.grad.abs().max() > 1e-2
        torch.testing.assert_close(leaf.grad, twin.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", HONEST)
def test_dropless_keeps_all_and_capacity_limits_each_sequence(name: str, top_k: int) -> None:
    layer = layer_for(name, top_k, capacity_factor=0.5, drop_policy="position")
    dropless, limited = (layer(*batch(), S, mode)[1][0].routing for mode in (DROPLESS, TRAINING))
    k = top_k // layer.steps
    capacity = slots_per_expert(0.5, k, S, E)
    assert dropless.kept_A.all()
    assert limited.load_E().tolist() == dropless.load_E().tolist()
    if name in ("remoe", "expert_threshold"):
        assert limited.kept_A.all()
        return
    if name != "expert_choice":
        assert not limited.kept_A.all()
        assert dropless.kept_A.numel() == B * S * k
    assert int((limited.dense_TE() > 0).view(B, S, E).sum(1).max()) <= capacity


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", registry.names())
def test_router_decides_in_float32_under_autocast(name: str, top_k: int, mode: str) -> None:
    layer = layer_for(name, top_k)
    _, exact = layer(*batch(), S, MODES[mode])
    with torch.autocast("cpu", torch.bfloat16):
        y_TD, routed = layer(*batch(), S, MODES[mode])
    assert y_TD.dtype == torch.bfloat16
    # later steps of a chain read what experts made, which is in half precision
    assert torch.equal(routed[0].routing.dense_TE(), exact[0].routing.dense_TE())
    assert {step.logits_TE.dtype for step in routed if step.logits_TE is not None} <= {
        torch.float32
    }


@pytest.mark.parametrize("name", registry.names())
def test_an_illegal_k_is_refused(name: str) -> None:
    declared = registry.declaration(name)
    for k in (declared["min_top_k"] - 1, (declared["max_top_k"] or E) + 1):
        if k > 0:
            with pytest.raises(StudyError, match=f"top_k: {k} is not legal for strategy '{name}'"):
                layer_for(name, k)


def test_shared_expert_is_added_to_what_is_routed() -> None:
    both, routed = (layer_for("softk", 2, shared_hidden=h) for h in (7, 0))
    assert both.shared is not None
    routed.load_state_dict({n: w for n, w in both.state_dict().items() if "shared" not in n})
    x_TD = batch()[0]
    alone = Experts(1, D, 7, "swiglu")
    alone.load_state_dict(both.shared.state_dict())
    expected_TD = alone(x_TD) + routed(*batch(), S)[0]
    torch.testing.assert_close(both(*batch(), S)[0], expected_TD)
    assert float(alone(x_TD).detach().abs().mean()) > 0.1


class Spy(torch.nn.Module):
    """Records what a router reads."""

    def __init__(self, router: torch.nn.Module) -> None:
        super().__init__()
        self.router, self.seen = router, [torch.empty(0)]

    def forward(self, x_TD: Tensor) -> Tensor:
        self.seen.append(x_TD.detach())
        return self.router(x_TD)


def ratio_seen(layer: MoELayer, generator: torch.Generator | None) -> Tensor:
    """What the router reads over what the layer reads."""
    spy = Spy(layer.routers[0])
    layer.routers[0] = spy
    x_TD, token_id_T, position_T = batch()
    layer(x_TD, token_id_T, position_T, S, draws=generator and Draws(generator))
    layer.routers[0] = spy.router
    return spy.seen[-1] / x_TD.detach()


def test_jitter_scales_the_router_input_alone_by_a_uniform_factor() -> None:
    layer = layer_for("softk", 2, jitter=0.2)
    ratios = [ratio_seen(layer, torch.Generator().manual_seed(s)).flatten() for s in range(20)]
    ratio = torch.cat(ratios).double()
    assert 0.8 - 1e-6 < float(ratio.min()) < 0.801
    assert 1.199 < float(ratio.max()) < 1.2 + 1e-6
    assert float(ratio.mean()) == pytest.approx(1, abs=5 * 0.2 / (3 * len(ratio)) ** 0.5)
    assert float(ratio.std()) == pytest.approx(0.2 / 3**0.5, rel=0.05)
    assert torch.equal(ratio_seen(layer, torch.Generator().manual_seed(0)).flatten(), ratios[0])
    # experts read the tokens as they are: with all weights on all experts nothing else differs
    with torch.no_grad():
        layer.routers[0].weight_ED.zero_()
    jittered, plain = (
        layer(*batch(), S, draws=g and Draws(g))[0] for g in (torch.Generator(), None)
    )
    assert torch.equal(jittered, plain)


def test_jitter_and_noise_belong_to_training() -> None:
    for name in ("softk", "noisy_topk", "gshard"):
        layer = layer_for(name, 2, jitter=0.2)
        trained, other = (layer(*batch(), S, draws=Draws(draw(s)))[0] for s in (0, 1))
        assert not torch.equal(trained, other)
        without = layer(*batch(), S)[0]
        assert (ratio_seen(layer, None) == 1).all()
        layer.eval()
        assert (ratio_seen(layer, draw(0)) == 1).all()
        assert torch.equal(layer(*batch(), S, draws=Draws(draw(0)))[0], without)


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
