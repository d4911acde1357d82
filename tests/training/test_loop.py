import math
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows, training_batch
from moe_core.errors import StudyError
from moe_core.routing import registry
from moe_core.routing.balance import switch_loss, z_loss
from moe_core.routing.strategy import RoutedLayer
from moe_core.training.config import TrainingConfig
from moe_core.training.loop import Trainer, learning_rate_at, measure, train

TrainerOf = Callable[..., Trainer]
Rows = list[dict[str, Any]]


def run(trainer: Trainer, windows: EvaluationWindows) -> Rows:
    rows: Rows = []
    train(trainer, windows, lambda row, rate: rows.append(row | {"rate": rate}))
    return rows


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in trainer.model.state_dict().items()}


def equal(a: Trainer, b: Trainer) -> bool:
    left, right = weights(a), weights(b)
    assert left.keys() == right.keys()
    return all(torch.equal(left[k], right[k]) for k in left)


def shortened(windows: EvaluationWindows, count: int) -> EvaluationWindows:
    return EvaluationWindows(
        windows.inputs_NS[:count],
        windows.targets_NS[:count],
        windows.story_NS[:count],
        windows.bytes_per_story,
    )


@pytest.mark.parametrize(
    ("strategy", "policy"),
    [
        ("softk", "position"),
        ("softk", "random"),
        ("noisy_topk", "random"),
        ("loss_free", "none"),
        ("expert_choice", "position"),
        ("remoe", "position"),
    ],
)
def test_d20_evaluation_does_not_change_training(
    trainer_of: TrainerOf, windows: EvaluationWindows, strategy: str, policy: str
) -> None:
    moe = {"drop_policy": policy, "capacity_factor": 0.5, "jitter": 0.1, "bias_rate": 0.05}
    often = trainer_of(strategy, moe=moe, evaluate_every=1)
    seldom = trainer_of(strategy, moe=moe, evaluate_every=12)
    little = trainer_of(strategy, moe=moe)
    assert len(run(often, windows)) == 12
    assert len(run(seldom, windows)) == 1
    run(little, shortened(windows, 3))
    assert equal(often, seldom)
    assert equal(often, little)


@pytest.mark.parametrize("strategy", ["top1", "noisy_topk", "remoe"])
def test_seed_decides_all(trainer_of: TrainerOf, windows: EvaluationWindows, strategy: str) -> None:
    moe = {"jitter": 0.1}
    first, again, other = (trainer_of(strategy, seed=s, moe=moe) for s in (3, 3, 4))
    rows = run(first, windows)
    torch.manual_seed(99)
    for a, b in zip(rows, run(again, windows), strict=True):
        assert a | {"rate": 0} == b | {"rate": 0}
    run(other, windows)
    assert equal(first, again)
    assert not equal(first, other)


def test_batches_follow_the_seed_of_the_trainer(trainer_of: TrainerOf) -> None:
    one = trainer_of(None, seed=0)
    two = trainer_of(None, seed=0)
    two.seed = 1  # same weights, other batches
    assert one.step(0) != two.step(0)


def batches_of(trainer: Trainer) -> list[list[list[int]]]:
    """Inputs that the model reads in three steps."""
    seen: list[list[list[int]]] = []
    read = trainer.model.embedding.register_forward_pre_hook
    read(lambda _, given: seen.append(given[0].tolist()))
    for step in range(3):
        trainer.step(step)
    return seen


def test_draws_of_a_strategy_do_not_shift_the_batches(trainer_of: TrainerOf) -> None:
    plain = batches_of(trainer_of("softk"))
    noisy = {"jitter": 0.1, "drop_policy": "random", "capacity_factor": 0.5}
    assert batches_of(trainer_of("noisy_topk", moe=noisy)) == plain
    assert batches_of(trainer_of("gshard", moe=noisy)) == plain
    tokens = trainer_of("softk").tokens
    assert plain == [training_batch(tokens, 4, 32, 0, step)[0].tolist() for step in range(3)]


def test_noise_is_drawn_anew_for_each_step_and_seed(trainer_of: TrainerOf) -> None:
    """One set of weights and one batch throughout: only the noise can move the loss."""

    def loss(step: int, seed: int) -> float:
        trainer = trainer_of("noisy_topk", learning_rate=1e-30)
        trainer.tokens = np.ones_like(trainer.tokens)
        trainer.seed = seed
        return float(trainer.step(step))

    losses = [loss(step, seed) for step in (0, 1) for seed in (0, 1)]
    assert len(set(losses)) == 4
    assert loss(0, 0) == losses[0]


@pytest.mark.parametrize("strategy", [None, *registry.names()])
def test_loss_falls(
    trainer_of: TrainerOf, windows: EvaluationWindows, strategy: str | None
) -> None:
    trainer = trainer_of(strategy, steps=24, evaluate_every=8, learning_rate=3e-2)
    before = measure(trainer, windows).measures["loss"]
    rows = run(trainer, windows)
    assert before > 2.5  # about ln(18), a uniform guess
    assert [row["step"] for row in rows] == [8, 16, 24]
    assert [row["train_tokens"] for row in rows] == [8 * 128, 16 * 128, 24 * 128]
    assert rows[-1]["loss"] < 0.5 * before
    assert rows[-1]["train_loss"] < 0.6 * before
    assert rows[-1]["loss"] == measure(trainer, windows).measures["loss"]  # of the final weights


def test_last_step_is_always_evaluated(trainer_of: TrainerOf, windows: EvaluationWindows) -> None:
    assert [r["step"] for r in run(trainer_of(None), windows)] == [5, 10, 12]


def test_train_loss_is_the_mean_since_the_last_row(
    trainer_of: TrainerOf, windows: EvaluationWindows
) -> None:
    by_hand = trainer_of("softk")
    losses = [float(by_hand.step(step)) for step in range(12)]
    rows = run(trainer_of("softk"), windows)
    for row, since in zip(rows, (losses[:5], losses[5:10], losses[10:]), strict=True):
        assert row["train_loss"] == pytest.approx(sum(since) / len(since), rel=1e-6)


def test_progress_rate_leaves_evaluation_out(
    trainer_of: TrainerOf, windows: EvaluationWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    trainer = trainer_of(None, steps=6, evaluate_every=2)

    def takes(seconds: float, result: Any) -> Any:
        def call(*_: Any) -> Any:
            clock[0] += seconds
            return result

        return call

    monkeypatch.setattr("moe_core.training.loop.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(trainer, "step", takes(0.5, torch.tensor(1.0)))
    nothing = SimpleNamespace(measures={"loss": 1.0}, limited=SimpleNamespace(choices_LTE=None))
    monkeypatch.setattr("moe_core.training.loop.measure", takes(100.0, nothing))
    assert [row["rate"] for row in run(trainer, windows)] == [4 * 32 / 0.5] * 3


# ---------------------------------------------------------------- schedule


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(2, 200), st.floats(1e-5, 1), st.floats(0, 1))
def test_schedule(warmup: int, more: int, peak: float, floor: float) -> None:
    steps = warmup + more
    config = TrainingConfig.model_construct(
        steps=steps,
        learning_rate=peak,
        warmup_steps=warmup,
        final_learning_rate_fraction=floor,
    )
    rates = [learning_rate_at(step, config) for step in range(steps)]
    for step in range(warmup):
        assert rates[step] == pytest.approx(peak * (step + 1) / warmup)
    assert rates[warmup] == pytest.approx(peak)
    assert rates[-1] == pytest.approx(floor * peak, abs=1e-12 * peak)
    middle = (warmup + steps - 1) / 2
    if middle == int(middle):
        assert rates[int(middle)] == pytest.approx(peak * (1 + floor) / 2)
    falling = rates[warmup:]
    assert all(a >= b - 1e-15 for a, b in pairwise(falling))


def test_optimiser_follows_the_schedule(
    trainer_of: TrainerOf, windows: EvaluationWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(None)
    rates, update = [], trainer.optimiser.step
    monkeypatch.setattr(
        trainer.optimiser, "step", lambda rate: (rates.append(rate), update(rate))[1]
    )
    for step in range(12):
        trainer.step(step)
    assert rates == [learning_rate_at(step, trainer.config) for step in range(12)]
    assert run(trainer_of(None), windows)[-1]["learning_rate"] == pytest.approx(1e-3)


# ---------------------------------------------------------------- one step


def by_hand(strategy: str, layers: list[RoutedLayer], scope: int) -> Tensor:
    """What is added to the task loss: 0.3 Switch, 0.05 z, and 1 of a strategy's own."""
    own = registry.load(strategy).loss
    if own is not None:
        return own(layers)
    total = 0.05 * sum(z_loss(r.logits_TE) for r in layers) / len(layers)
    if strategy == "expert_choice":
        return total
    return total + 0.3 * sum(switch_loss(r.logits_TE, r.routing, scope) for r in layers) / len(
        layers
    )


@pytest.mark.parametrize(
    ("strategy", "sequences"),
    [
        ("softk", None),
        ("softk", 1),
        ("top1", 2),
        ("coe", None),
        ("expert_choice", None),
        ("remoe", 1),
    ],
)
def test_steps_against_autograd_and_adamw_by_hand(
    trainer_of: TrainerOf, strategy: str, sequences: int | None
) -> None:
    options: dict[str, Any] = {"switch_coef": 0.3, "z_coef": 0.05, "grad_clip": 0.7}
    options["balance_sequences"] = sequences
    trainer, oracle = trainer_of(strategy, **options), trainer_of(strategy, **options)
    model = oracle.model
    for name, buffer in [*model.named_buffers(), *trainer.model.named_buffers()]:
        if name.endswith("l1_weight"):
            buffer.fill_(0.1)  # enough to be seen
    moments = {name: (torch.zeros_like(p),) * 2 for name, p in model.named_parameters()}
    for step in range(3):
        loss = trainer.step(step)
        inputs, targets = training_batch(oracle.tokens, 4, 32, 0, step)
        logits, layers = model(inputs)
        task = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).mean()
        extra = by_hand(strategy, layers, 32 * (sequences or 4))
        assert extra > 0.01
        model.zero_grad()
        (task + extra).backward()
        assert float(loss) == pytest.approx(task.item(), rel=1e-4)
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))
        assert norm > 0.7, "the clip must bite for this test to see it"
        rate = learning_rate_at(step, oracle.config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                gradient = parameter.grad * 0.7 / norm
                first, second = moments[name]
                first = 0.9 * first + 0.1 * gradient
                second = 0.95 * second + 0.05 * gradient.square()
                moments[name] = first, second
                unbiased = first / (1 - 0.9 ** (step + 1))
                scale = (second / (1 - 0.95 ** (step + 1))).sqrt() + 1e-8
                decay = 0.1 if parameter.dim() > 1 else 0.0
                parameter.copy_(parameter * (1 - rate * decay) - rate * unbiased / scale)
        if update := registry.load(strategy).update:
            update(layers)
    for (name, new), old in zip(trainer.model.named_parameters(), model.parameters(), strict=True):
        # where gradients are rounding errors, Adam amplifies them to whole steps
        steady = moments[name][1] > 1e-10
        torch.testing.assert_close(new[steady], old[steady], rtol=1e-3, atol=1e-4, msg=name)
        assert steady.float().mean() > 0.5


def test_no_clip_means_no_limit(trainer_of: TrainerOf) -> None:
    free, loose, tight = (trainer_of("softk", grad_clip=c) for c in (0.0, 1e9, 1e-3))
    for trainer in (free, loose, tight):
        trainer.step(0)
    norms = [
        math.sqrt(sum(float(p.grad.square().sum()) for p in t.model.parameters()))
        for t in (free, loose, tight)
    ]
    assert norms[0] == norms[1] > 1e-2
    assert norms[2] == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("coefficient", ["switch_coef", "z_coef"])
def test_auxiliary_losses_train_the_router(trainer_of: TrainerOf, coefficient: str) -> None:
    none = {"switch_coef": 0.0, "z_coef": 0.0, "weight_decay": 0.0}
    without, balanced = (trainer_of("topk_hard", **none | {coefficient: c}) for c in (0.0, 0.5))
    start = [p.clone() for p in without.router_parameters]
    assert len(start) == 2
    for trainer in (without, balanced):
        for step in range(3):
            trainer.step(step)
    for first, still, moved in zip(
        start, without.router_parameters, balanced.router_parameters, strict=True
    ):
        assert torch.equal(first, still)  # equal weights: no task gradient (declared)
        assert not torch.allclose(first, moved, atol=1e-4)


@pytest.mark.parametrize(
    "strategy", ["top1", "softk", "expert_choice", "coe", "noisy_topk", "sinkhorn", "loss_free"]
)
def test_task_loss_trains_the_router(trainer_of: TrainerOf, strategy: str) -> None:
    trainer = trainer_of(strategy, switch_coef=0.0, z_coef=0.0)
    trainer.step(0)
    routers = {"coe": 4, "noisy_topk": 4}.get(strategy, 2)  # of two layers
    assert len(trainer.router_parameters) == routers
    assert all(p.grad.abs().max() > 0 for p in trainer.router_parameters)


def test_balance_loss_balances(trainer_of: TrainerOf, windows: EvaluationWindows) -> None:
    free, balanced = (
        trainer_of("topk_hard", steps=40, evaluate_every=40, switch_coef=c, weight_decay=0.0)
        for c in (0.0, 0.3)
    )
    assert run(balanced, windows)[-1]["load_cv"] < 0.7 * run(free, windows)[-1]["load_cv"]


@pytest.mark.parametrize("planted", [math.nan, math.inf])
@pytest.mark.parametrize("strategy", [None, "top1", "expert_choice", "remoe"])
def test_non_finite_loss_stops_the_run(
    trainer_of: TrainerOf, strategy: str | None, planted: float
) -> None:
    trainer = trainer_of(strategy)
    trainer.step(0)
    before = weights(trainer)
    with torch.no_grad():
        trainer.model.norm.weight[0] = planted
    with pytest.raises(StudyError, match="non-finite gradient at step 1") as error:
        trainer.step(1)
    assert "\n" not in str(error.value)
    assert "learning_rate" in str(error.value)
    after = weights(trainer)
    assert all(torch.equal(before[k], after[k]) for k in before if k != "norm.weight")


def test_bf16_runs_and_keeps_fp32_weights(
    trainer_of: TrainerOf, windows: EvaluationWindows
) -> None:
    full = trainer_of("softk", steps=30, evaluate_every=30)
    half = trainer_of("softk", steps=30, evaluate_every=30, precision="bf16")
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}
    full_row, half_row = run(full, windows)[-1], run(half, windows)[-1]
    assert half_row["loss"] == pytest.approx(full_row["loss"], rel=0.05)
    assert half_row["loss"] != full_row["loss"]
    assert half.step(0).dtype == torch.float32
    inputs = windows.inputs_NS[:4]
    with half.precision:
        logits, layers = half.model(inputs)
    assert logits.dtype == torch.bfloat16
    assert {layer.logits_TE.dtype for layer in layers} == {torch.float32}  # routers stay exact


def test_task_loss_excludes_the_auxiliary(trainer_of: TrainerOf) -> None:
    small, large = (trainer_of("softk", switch_coef=c) for c in (0.0, 10.0))
    assert small.step(0) == large.step(0)
    inputs, targets = training_batch(small.tokens, 4, 32, 0, 0)
    logits = trainer_of("softk").model(inputs)[0]
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(trainer_of("softk").step(0), expected.detach())


def test_router_gradient_is_reported_before_clipping(trainer_of: TrainerOf) -> None:
    tight, free = trainer_of("softk", grad_clip=1e-4), trainer_of("softk", grad_clip=0.0)
    tight.step(0)
    free.step(0)
    assert tight.router_grad_norm() == pytest.approx(free.router_grad_norm(), rel=1e-4)
    assert free.router_grad_norm() > 1e-3
