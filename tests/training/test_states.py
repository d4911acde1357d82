"""What layers carry from step to step: moved by training alone, by its law, saved with weights."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows
from moe_core.model.moe_layer import CAUSAL
from moe_core.routing import registry
from moe_core.routing.balance import update_bias
from moe_core.training.loop import Trainer, measure
from tests.conftest import HONEST

TrainerOf = Callable[..., Trainer]
CARRIES = [name for name in HONEST if registry.load(name).state]


def states(trainer: Trainer) -> dict[str, Tensor]:
    return {n: b.clone() for n, b in trainer.model.named_buffers() if ".states." in n}


@pytest.mark.parametrize("rate", [0.0, 0.05])
@pytest.mark.parametrize("strategy", ["loss_free", "softk", "coe", "sinkhorn"])
def test_bias_follows_the_load_of_each_step(
    trainer_of: TrainerOf, strategy: str, rate: float
) -> None:
    trainer = trainer_of(strategy, moe={"bias_rate": rate, "capacity_factor": 0.5})
    layers = 4 if strategy == "coe" else 2
    assert len(states(trainer)) == (layers if rate else 0)
    by_hand = torch.zeros(layers, 4)
    for step in range(4):
        trainer.step(step)
        for bias_E, layer in zip(by_hand, trainer.layers, strict=True):
            assert not layer.routing.kept_A.all()
            update_bias(bias_E, layer.routing.load_E(), rate)  # before dropping
        moved = torch.stack([*states(trainer).values()]) if rate else by_hand
        assert torch.equal(moved, by_hand)
    assert by_hand.any() == bool(rate)


@pytest.mark.parametrize("strategy", CARRIES)
def test_a_step_applies_the_update_of_the_strategy(trainer_of: TrainerOf, strategy: str) -> None:
    trainer, twin = trainer_of(strategy), trainer_of(strategy)
    for step in range(3):
        before = states(trainer)
        trainer.step(step)
        assert any(not torch.equal(before[n], b) for n, b in states(trainer).items())
        own = [dict(layer.states[0].named_buffers()) for layer in twin.model.moe_layers()]
        for layer, state in zip(trainer.layers, own, strict=True):
            layer.context.state.update(state)  # the twin's state, moved by the same decisions
        update = registry.load(strategy).update
        assert update is not None
        update(trainer.layers)
        after = states(trainer)
        for name, moved in states(twin).items():
            assert torch.equal(moved, after[name]), name


@pytest.mark.parametrize("strategy", ["loss_free", *CARRIES])
def test_states_are_saved_with_the_weights_and_never_optimised(
    trainer_of: TrainerOf, windows: EvaluationWindows, strategy: str
) -> None:
    trainer = trainer_of(strategy, moe={"bias_rate": 0.1})
    for step in range(3):
        trainer.step(step)
    saved = trainer.model.state_dict()
    assert states(trainer).keys() <= saved.keys()
    assert not {*states(trainer)} & {n for n, _ in trainer.model.named_parameters()}
    fresh = trainer_of(strategy, seed=1, moe={"bias_rate": 0.1})
    fresh.model.load_state_dict(saved)
    token_id_BS = windows.inputs_NS[:2]
    logits, again = (t.model.eval()(token_id_BS, CAUSAL)[0] for t in (trainer, fresh))
    assert torch.equal(logits, again)
    # and the state matters: forgotten, it changes what a decoder says
    for state in states(trainer):
        if not state.endswith(("l1_weight", "steps")):
            fresh.model.get_buffer(state).add_(torch.tensor([0.5, -0.5, 0.0, 0.2]))
    changed = not torch.equal(logits, fresh.model(token_id_BS, CAUSAL)[0])
    assert changed == (strategy != "remoe")


def test_a_pass_moves_no_state(trainer_of: TrainerOf, windows: EvaluationWindows) -> None:
    for strategy in ("loss_free", *CARRIES):
        trainer = trainer_of(strategy, moe={"bias_rate": 0.1})
        trainer.step(0)
        before = states(trainer)
        trainer.model(windows.inputs_NS[:2])  # as in training, but no step
        measure(trainer, windows)
        assert before
        for name, state in states(trainer).items():
            assert torch.equal(state, before[name]), name


@pytest.mark.parametrize("net", ["linear", "mlp", "cosine"])
def test_a_frozen_router_stays_as_it_was_drawn(trainer_of: TrainerOf, net: str) -> None:
    """To the bit, weight decay and balance losses notwithstanding; all else learns."""
    options = {"weight_decay": 0.5, "switch_coef": 1.0, "z_coef": 1.0, "moe": {"router": net}}
    frozen, learned = (trainer_of(name, **options) for name in ("frozen_router", "softk"))
    for trainer in (frozen, learned):
        start = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
        assert any("router" in name for name in start)
        for step in range(5):
            trainer.step(step)
        for name, parameter in trainer.model.named_parameters():
            fixed = trainer is frozen and "router" in name
            assert torch.equal(parameter, start[name]) == fixed, name
    assert frozen.router_grad_norm() == 0 < learned.router_grad_norm()


def test_bias_halves_the_violation_at_about_equal_loss(
    trainer_of: TrainerOf, windows: EvaluationWindows
) -> None:
    """As published (arXiv 2408.15664, table 2), against the same router without any balancing."""
    rows = []
    for rate in (0.0, 0.02):
        moe = {"bias_rate": rate, "num_experts": 8}
        trainer = trainer_of("loss_free", steps=60, moe=moe)
        for step in range(60):
            trainer.step(step)
        rows.append(measure(trainer, windows).measures)
    unbalanced, balanced = rows
    assert unbalanced["max_vio"] > 0.6
    assert balanced["max_vio"] < 0.5 * unbalanced["max_vio"]
    assert balanced["loss"] == pytest.approx(unbalanced["loss"], rel=0.05)
