from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.adapters.adapted import AdaptedModel
from moe_core.errors import StudyError
from moe_core.model.moe_layer import DROPLESS, TRAINING
from moe_core.training.config import TrainingConfig
from moe_core.training.loop import Trainer
from tests.adapters.conftest import (
    ADAPTERS,
    BASES,
    DIM,
    EXPERTS,
    METHODS,
    adapted,
    base_of,
    config_for,
    ids,
    logits_of,
    own_base,
    own_routing,
    with_random_b,
)
from tests.training.conftest import COUNTS, TRAIN

ConfigOf = Callable[..., TrainingConfig]


def losses(model: AdaptedModel, config: TrainingConfig) -> Tensor:
    trainer = Trainer(model, TRAIN.tokens, config, 0, "cpu")
    return torch.stack([trainer.step(step) for step in range(config.steps)])


def copies(tensors: Iterator[tuple[str, Tensor]]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors}


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("method", METHODS)
def test_a_new_adapted_model_is_its_base(method: str, name: str) -> None:
    assert torch.equal(logits_of(adapted(method, name)), logits_of(base_of(name).eval()))


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("method", METHODS)
def test_training_moves_the_adapters_and_not_the_base(
    method: str, name: str, config_of: ConfigOf
) -> None:
    model = with_random_b(adapted(method, name))
    base, added = copies(model.base.named_parameters()), copies(model.adapters.named_parameters())
    if name == "own":
        losses(model, config_of(steps=3))
    else:
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
        for _ in range(3):
            optimiser.zero_grad()
            logits_BSV, _ = model(ids())
            F.cross_entropy(logits_BSV[:, :-1].flatten(0, 1), ids()[:, 1:].flatten()).backward()
            optimiser.step()
    if method == "full":
        assert not added
        moved = [not torch.equal(base[k], p) for k, p in model.base.named_parameters()]
        assert all(moved)
    else:
        assert all(torch.equal(base[k], p) for k, p in model.base.named_parameters())
        assert added
        assert not any(torch.equal(added[k], p) for k, p in model.adapters.named_parameters())


def gate_TE(layer: nn.Module, x_TD: Tensor) -> Tensor:
    """G of a layer of transformers, from its gate."""
    assert isinstance(layer.gate, nn.Module)
    _, weight_TK, expert_TK = layer.gate(x_TD)
    return torch.zeros(len(x_TD), EXPERTS).scatter(1, expert_TK, weight_TK)


def top_k_TE(x_TD: Tensor, router_ED: Tensor, top_k: int) -> Tensor:
    """G' of strategy softk_pre: the K largest probabilities as they are."""
    prob_TE = (x_TD @ router_ED.T).softmax(-1)
    least_T1 = prob_TE.topk(top_k).values[:, -1:]
    return torch.where(prob_TE >= least_T1, prob_TE, 0.0)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("method", [m for m in METHODS if m.startswith("perft")])
@torch.no_grad()
def test_what_perft_adds_is_its_equation(method: str, name: str) -> None:
    model, plain = with_random_b(adapted(method, name)), base_of(name).eval()
    seen: list[tuple[Tensor, Tensor]] = []

    def hook(_: nn.Module, given: tuple[Tensor, ...], out: Tensor | tuple[Tensor, object]) -> None:
        seen.append((given[0], out[0] if isinstance(out, tuple) else out))

    layers = [model.base.model.get_submodule(name) for name in model.names.values()]
    for layer in layers:
        layer.register_forward_hook(hook)
    _, decisions = model(ids())
    assert len(seen) == len(layers) == 2
    for (given, out), (key, adapter), layer, decided in zip(
        seen, model.adapters.items(), plain.moe_layers().values(), decisions, strict=True
    ):
        x_TD, bank = given.reshape(-1, DIM), adapter
        if method == "perft_r":
            bank = adapter.experts
            G_TN = top_k_TE(x_TD, next(adapter.routers.parameters()), 2)
        elif method == "perft_e":
            G_TN = decided.routing.dense_TE() if name == "own" else gate_TE(layer, x_TD)
        else:
            G_TN = torch.ones(len(x_TD), 3 if method == "perft_d" else 1)
        expected_TD = torch.zeros(len(x_TD), DIM, dtype=torch.float64)
        for t, x_D in enumerate(x_TD.double()):
            for j, (A, B) in enumerate(zip(bank.lora_A, bank.lora_B, strict=True)):
                expected_TD[t] += G_TN[t, j] * (3.0 / 2) * (B.double() @ (A.double() @ x_D))
        if name == "own":
            batch, size = ids().shape
            flat = ids().flatten(), torch.arange(size).repeat(batch), size
            y = layer(x_TD, *flat, DROPLESS)[0]
        else:
            y = layer(given)
        added_TD = (out - (y[0] if isinstance(y, tuple) else y)).reshape(-1, DIM)
        assert expected_TD.abs().mean() > 0.01, key
        torch.testing.assert_close(added_TD.double(), expected_TD, atol=2e-5, rtol=1e-4)


def test_lora_adds_its_equation() -> None:
    model, plain = with_random_b(adapted("lora", "own")), own_base()
    x = torch.randn(5, DIM)
    for key, name in model.names.items():
        bank = model.adapters[key]
        added = (3.0 / 2) * x @ (bank.lora_B[0] @ bank.lora_A[0]).T
        y = model.base.model.get_submodule(name)(x)
        torch.testing.assert_close(y, plain.model.get_submodule(name)(x) + added)


def test_perft_d_is_perft_s_of_the_sum_of_its_ranks(config_of: ConfigOf) -> None:
    dense = adapted("perft_d", "own", num_adapters=4, r=2, lora_alpha=4.0)
    single = adapted("perft_s", "own", r=8, lora_alpha=16.0)
    assert dense.parameter_counts() == single.parameter_counts()
    for key, bank in dense.adapters.items():
        assert torch.equal(bank.lora_A.flatten(0, 1), single.adapters[key].lora_A[0])
    config = config_of(steps=10)
    of_dense, of_single = losses(dense, config), losses(single, config)
    assert of_dense[0] - of_dense[-1] > 0.05  # they learn
    torch.testing.assert_close(of_dense, of_single, atol=1e-5, rtol=0)


def test_a_dropped_assignment_has_no_adapter() -> None:
    base = own_base(capacity_factor=0.25)
    model = with_random_b(AdaptedModel(base, config_for("perft_e", "own"), COUNTS, 0))
    seen: list[tuple[Tensor, Tensor]] = []
    first = model.base.model.get_submodule("blocks.0.ffn")
    first.register_forward_hook(lambda _, given, out: seen.append((given[0], out[0])))
    _, decisions = model(ids(), TRAINING)
    kept_T = decisions[0].routing.kept_per_token_T()
    (_, y_TD) = seen[0]
    assert (kept_T == 0).any()
    assert torch.equal(y_TD.abs().sum(1) > 0, kept_T > 0)


def test_no_expert_to_be_in_where_a_layer_routes_in_steps() -> None:
    base = own_base(strategy="coe")
    with pytest.raises(StudyError, match=r"^peft_type: perft_e .*routes in steps$"):
        AdaptedModel(base, config_for("perft_e", "own"), COUNTS, 0)(ids())


@pytest.mark.parametrize("name", ["own", "Olmoe"])
def test_target_modules_that_are_not_there_are_told_with_those_that_are(name: str) -> None:
    linear = "out, qkv" if name == "own" else "k_proj, .*v_proj"
    with pytest.raises(StudyError, match=f"^target_modules: .*'wrong'.* allowed: .*{linear}"):
        adapted("lora", name, target_modules=["wrong"])
    layers = "ffn" if name == "own" else "mlp"
    # part of a name is no end of it
    with pytest.raises(StudyError, match=f"^target_modules: .*MoE layer.* allowed: {layers}$"):
        adapted("perft_s", name, target_modules=[layers[1:]])


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("method", METHODS)
def test_decisions_are_of_the_routers_that_are_trained(method: str, name: str) -> None:
    _, decisions = adapted(method, name)(ids())
    assert [d.routing.num_experts for d in decisions] == [3 if method == "perft_r" else EXPERTS] * 2
    assert all(d.routing.num_tokens == ids().numel() for d in decisions)


@pytest.mark.parametrize("name", BASES)
def test_logits_of_a_base_are_those_it_chose_by(name: str) -> None:
    _, decisions = adapted("perft_e", name)(ids())
    for decided in decisions:
        assert decided.logits_TE is not None
        assert not decided.logits_TE.isnan().any()
        chosen_TE = decided.routing.dense_TE() > 0
        best_TK = decided.logits_TE.topk(2).indices
        assert (chosen_TE.gather(1, best_TK)).all()
        assert chosen_TE.sum() == best_TK.numel()


@pytest.mark.parametrize("top_k", [1, 2])
def test_the_router_of_perft_r_learns_from_the_task_once_adapters_differ(top_k: int) -> None:
    def gradient(model: AdaptedModel) -> float:
        logits_BSV, _ = model(ids())
        F.cross_entropy(logits_BSV.flatten(0, 1), ids().flatten()).backward()
        routers = [p for n, p in model.adapters.named_parameters() if "router" in n]
        assert len(routers) == 2
        return min(float(p.grad.norm()) for p in routers if p.grad is not None)

    model = adapted("perft_r", "own", routing=own_routing(top_k=top_k))
    assert gradient(model) == 0
    assert gradient(with_random_b(model)) > 1e-4


@pytest.mark.parametrize("name", ["own", "Olmoe"])
@pytest.mark.parametrize("method", ADAPTERS)
def test_a_copy_has_adapters_of_its_own(method: str, name: str) -> None:
    model = with_random_b(adapted(method, name))
    model(ids())  # with a gradient: nothing of a pass is left that cannot be copied
    twin, before = deepcopy(model), logits_of(model)
    assert torch.equal(logits_of(twin), before)
    for parameter in twin.adapters.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(logits_of(model), before)
    assert torch.equal(logits_of(twin), logits_of(base_of(name).eval()))
