import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from scipy.stats import entropy
from torch import nn

from moe_core.corpus.batches import EvaluationWindows
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING, Mode
from moe_core.model.transformer import Transformer
from moe_core.routing import registry
from moe_core.training import loop
from moe_core.training.evaluation import Quality, Reading, RoutingMeasures, evaluate
from moe_core.training.loop import Measured, Trainer, measure
from tests.conftest import HONEST

ModelOf = Callable[..., Transformer]
FP32 = nullcontext()


MODES = {"at capacity": TRAINING, "dropless": DROPLESS, "decode": CAUSAL}


def measures(
    model: Transformer, windows: EvaluationWindows, mode: Mode, batch_size: int = 4
) -> tuple[Quality, RoutingMeasures]:
    reading = evaluate(model, windows, batch_size, FP32, mode)
    assert reading.routing is not None
    return reading.quality, reading.routing


@torch.no_grad()
def slow_nats(model: Transformer, windows: EvaluationWindows, mode: Mode) -> list[list[float]]:
    """Nats of each target of each story: one window, then one target at a time, in float64."""
    nats: list[list[float]] = [[] for _ in range(windows.stories)]
    for inputs, targets, stories in zip(
        windows.inputs_NS, windows.targets_NS, windows.story_NS, strict=True
    ):
        logits = model(inputs.unsqueeze(0), mode)[0][0].double()
        for row, target, story in zip(logits, targets.tolist(), stories.tolist(), strict=True):
            if story >= 0:
                nats[story].append(-float(row[target] - torch.logsumexp(row, 0)))
    return nats


@pytest.mark.parametrize("strategy", [None, *HONEST])
@pytest.mark.parametrize("mode", MODES)
def test_quality_against_a_slow_loop(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str | None, mode: str
) -> None:
    model = model_of(strategy, capacity_factor=0.75).eval()
    assert (windows.story_NS < 0).any(), "a story that is cut off must not count"
    reading = evaluate(model, windows, 4, FP32, MODES[mode])
    nats = slow_nats(model, windows, MODES[mode])
    assert reading.nats_per_story.dtype == np.float64
    assert reading.nats_per_story.tolist() == pytest.approx([*map(math.fsum, nats)], rel=1e-5)
    total, count = math.fsum(map(math.fsum, nats)), sum(map(len, nats))
    assert reading.quality.bits_per_byte == pytest.approx(
        total / math.log(2) / windows.bytes, rel=1e-5
    )
    assert reading.quality.loss == pytest.approx(total / count, rel=1e-5)
    assert reading.quality.perplexity == pytest.approx(math.exp(total / count), rel=1e-5)


@pytest.mark.parametrize("strategy", HONEST)
def test_batch_size_does_not_matter(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str
) -> None:
    model = model_of(strategy, capacity_factor=0.75)
    first = evaluate(model, windows, 4, FP32, TRAINING)  # 4 + 4 + 2 windows
    for batch_size in (1, 3, 10):
        other = evaluate(model, windows, batch_size, FP32, TRAINING)
        assert asdict(other.quality) == pytest.approx(asdict(first.quality), rel=1e-5)
        np.testing.assert_allclose(other.nats_per_story, first.nats_per_story, rtol=1e-5)
        np.testing.assert_array_equal(other.counts_LVE, first.counts_LVE)
        assert first.routing is not None
        for field, value in asdict(first.routing).items():
            if field != "switch_loss" and value is not None:  # that is of a batch by definition
                assert getattr(other.routing, field) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("strategy", ["softk", "coe", "expert_choice", "hash", "remoe"])
@pytest.mark.parametrize("mode", MODES)
def test_counts_and_choices_against_a_loop(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str, mode: str
) -> None:
    """Assignments before dropping by layer (and step), token id and expert."""
    model = model_of(strategy, capacity_factor=0.5).eval()
    reading = evaluate(model, windows, 4, FP32, MODES[mode])
    layers = 4 if strategy == "coe" else 2
    counts_LVE = np.zeros((layers, 18, 4), dtype=np.int64)
    choices_LTE = torch.zeros(layers, 4 * 32, 4, dtype=torch.bool)
    for n, window in enumerate(windows.inputs_NS):
        for layer, decided in enumerate(model(window.unsqueeze(0), MODES[mode])[1]):
            routing = decided.routing
            pairs = zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True)
            for token, expert in pairs:
                counts_LVE[layer, window[token], expert] += 1
                if n < 4:
                    choices_LTE[layer, 32 * n + token, expert] = True
    np.testing.assert_array_equal(reading.counts_LVE, counts_LVE)
    assert torch.equal(reading.choices_LTE, choices_LTE)


@pytest.mark.parametrize("strategy", ["softk", "coe", "expert_choice", "loss_free"])
def test_measures_of_logits_against_float64(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str
) -> None:
    """Token by token but for the Switch loss, which is that of each batch of 4, 4 and 2 windows."""
    model = model_of(strategy, capacity_factor=0.5).eval()
    _, routing = measures(model, windows, TRAINING)
    batches = [model(inputs, TRAINING)[1] for inputs in windows.inputs_NS.split(4)]
    by_layer, marginal = [], []
    for layer in zip(*batches, strict=True):
        terms, prob = [], []
        for decided in layer:
            z_TE = decided.logits_TE.detach().double().numpy()
            prob_TE = softmax(z_TE, 1)
            *_, second_T, first_T = np.sort(prob_TE, 1).T
            load_E = np.bincount(decided.routing.expert_A, minlength=4)  # dropped ones too
            balance = 4 * (load_E / load_E.sum() * prob_TE.mean(0)).sum()
            of_batch_T = np.full(len(z_TE), balance)
            terms.append(
                [entropy(prob_TE, axis=1), first_T - second_T, of_batch_T, logsumexp(z_TE, 1) ** 2]
            )
            prob.append(prob_TE)
        by_layer.append(np.concatenate(terms, 1).mean(1))
        marginal.append(entropy(np.concatenate(prob).mean(0)))
    found = asdict(routing)
    names = ("router_entropy_nats", "top1_margin", "switch_loss", "z_loss")
    expected = dict(zip(names, np.mean(by_layer, 0), strict=True))
    expected["marginal_entropy_nats"] = np.mean(marginal)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_steps_of_a_chain_are_measured_apart_and_their_assignments_add_up(
    model_of: ModelOf, windows: EvaluationWindows
) -> None:
    for k in (2, 3):
        model = model_of("coe", top_k=k, capacity_factor=0.5).eval()
        _, free = measures(model, windows, DROPLESS)
        _, limited = measures(model, windows, TRAINING)
        assert free.assignments_per_token == k
        assert free.coactivation_max is None  # one expert a step
        steps = [step for w in windows.inputs_NS for step in model(w.unsqueeze(0))[1]]
        kept = sum(int(step.routing.kept_A.sum()) for step in steps)
        assert limited.assignments_per_token == pytest.approx(kept / (2 * 320))
        assert limited.drop_rate == pytest.approx(1 - kept / (2 * 320 * k))
        assert limited.drop_rate == pytest.approx(limited.token_drop_rate)
        assert limited.drop_rate >= 0.5


@pytest.mark.parametrize("strategy", ["top1", "softk", "hash"])
def test_drops_against_a_count(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str
) -> None:
    model = model_of(strategy, capacity_factor=0.5)
    with torch.no_grad():
        for block in model.blocks:  # a router that prefers two experts
            for router in block.ffn.routers:
                router.weight_ED[2:] *= 0.1
    _, free = measures(model, windows, DROPLESS)
    _, limited = measures(model, windows, TRAINING)
    top_k = model.config.moe.top_k
    assert free.drop_rate == free.token_drop_rate == 0
    assert free.assignments_per_token == top_k
    slots = 4 if top_k == 1 else 8  # 0.5 * K * 32 / 4
    drops, lost, routed = [], [], 10 * 32 * top_k
    layers = [model(windows.inputs_NS[i : i + 1])[1] for i in range(10)]
    for layer in range(2):
        dropped = alone = 0
        for window in layers:
            routing = window[layer].routing
            free_slots, served = [slots] * 4, [0] * 32
            pairs = zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True)
            for token, expert in pairs:
                if free_slots[expert]:
                    free_slots[expert] -= 1
                    served[token] += 1
                else:
                    dropped += 1
            alone += served.count(0)
        drops.append(dropped / routed)
        lost.append(alone / 320)
    assert limited.drop_rate == pytest.approx(sum(drops) / 2)
    assert limited.drop_rate >= 0.5
    assert limited.token_drop_rate == pytest.approx(sum(lost) / 2)
    assert limited.assignments_per_token == pytest.approx(top_k * (1 - sum(drops) / 2))


def test_load_is_read_before_dropping(model_of: ModelOf, windows: EvaluationWindows) -> None:
    """D8: capacity must not flatter the balance of the router that it limits."""
    tight, wide = (model_of("top1", capacity_factor=cf) for cf in (0.25, 4.0))
    for model in (tight, wide):
        del model.blocks[1]  # the second layer of the tight model sees other inputs
        object.__setattr__(model.config, "layers", 1)
    _, narrow = measures(tight, windows, TRAINING)
    _, free = measures(wide, windows, TRAINING)
    assert narrow.drop_rate > 0.5 > free.drop_rate == 0
    for field in ("load_cv", "max_vio", "gini", "dead_experts", "router_entropy_nats"):
        assert getattr(narrow, field) == getattr(free, field)
    assert narrow.load_cv > 0.1


def test_load_is_of_the_split_not_of_a_batch(model_of: ModelOf, windows: EvaluationWindows) -> None:
    model = model_of("softk")
    _, routing = measures(model, windows, DROPLESS)
    cvs = []
    for layer in range(2):
        load = [0] * 4
        for i in range(10):
            decided = model(windows.inputs_NS[i : i + 1], DROPLESS)[1][layer].routing
            for expert in decided.expert_A.tolist():
                load[expert] += 1
        mean = sum(load) / 4
        cvs.append(math.sqrt(sum((n - mean) ** 2 for n in load) / 4) / mean)
    assert routing.load_cv == pytest.approx(sum(cvs) / 2)


def test_permuting_experts_changes_no_measure(
    model_of: ModelOf, windows: EvaluationWindows
) -> None:
    model = model_of("softk", capacity_factor=0.75)
    before = measures(model, windows, TRAINING)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        for block in model.blocks:
            ffn = block.ffn
            for weight in (ffn.routers[0].weight_ED, ffn.experts.w_in_EHD, ffn.experts.w_out_EDF):
                weight.copy_(weight[order].clone())
    after = measures(model, windows, TRAINING)
    for old, new in zip(before, after, strict=True):
        assert asdict(new) == pytest.approx(asdict(old), rel=1e-5)


def test_models_without_router(model_of: ModelOf, windows: EvaluationWindows) -> None:
    dense = evaluate(model_of(None), windows, 4, FP32, CAUSAL)
    assert dense.routing is dense.counts_LVE is dense.choices_LTE is None
    for strategy in ("hash", "position_hash"):
        _, routing = measures(model_of(strategy), windows, CAUSAL)
        assert routing.router_entropy_nats is routing.marginal_entropy_nats is None
        assert routing.top1_margin is routing.switch_loss is routing.z_loss is None
        assert routing.load_cv >= 0


def test_a_layer_that_no_token_uses_is_measured(
    model_of: ModelOf, windows: EvaluationWindows
) -> None:
    """Gates may all close; nothing was routed, so nothing was dropped."""
    model = model_of("remoe")
    with torch.no_grad():
        for layer in model.moe_layers():
            layer.routers[0].weight_ED.zero_()
    _, routing = measures(model, windows, TRAINING)
    assert routing.assignments_per_token == routing.drop_rate == 0
    assert routing.token_drop_rate == 1
    assert routing.dead_experts == 4


class ModeSpy(nn.Module):
    """Records whether it runs in training mode, and draws as dropout does."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        return torch.nn.functional.dropout(x, 0.5, self.training)


@pytest.mark.parametrize("strategy", ["softk", "noisy_topk", "loss_free", "expert_choice", "remoe"])
def test_evaluation_leaks_no_state(
    trainer_of: Callable[..., Trainer], windows: EvaluationWindows, strategy: str
) -> None:
    moe = {"capacity_factor": 0.5, "bias_rate": 0.1, "jitter": 0.1, "drop_policy": "random"}
    trainer = trainer_of(strategy, moe=moe)
    spy = ModeSpy()
    trainer.model.norm = nn.Sequential(trainer.model.norm, spy)
    trainer.step(0)
    assert spy.modes == [True]
    gradients = [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]
    before = {name: w.clone() for name, w in trainer.model.state_dict().items()}
    state = torch.get_rng_state()
    first = measure(trainer, windows)
    passes = 1 if strategy == "remoe" else 2  # it has no capacity, so both would be one
    assert spy.modes == [True, *[False] * 3 * passes]  # of three batches
    assert measure(trainer, windows).measures == first.measures
    assert torch.equal(torch.get_rng_state(), state)
    assert all(m.training for m in trainer.model.modules())
    after = trainer.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    left = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(left, gradients, strict=True))
    trainer.step(1)
    assert spy.modes[-1]


def test_measure_reports_quality_dropless_and_drops_at_capacity(
    trainer_of: Callable[..., Trainer], windows: EvaluationWindows
) -> None:
    trainer = trainer_of("softk", moe={"capacity_factor": 0.5})
    row = measure(trainer, windows).measures
    free, _ = measures(trainer.model, windows, DROPLESS)
    limited, routing = measures(trainer.model, windows, TRAINING)
    assert row["bits_per_byte"] == free.bits_per_byte
    assert row["bits_per_byte_at_capacity"] == limited.bits_per_byte != free.bits_per_byte
    assert row["drop_rate"] == routing.drop_rate >= 0.5
    dense = measure(trainer_of(None), windows).measures
    assert dense.keys() == asdict(free).keys()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Mode]:
    """Modes of the passes that ``measure`` makes."""
    modes: list[Mode] = []

    def counted(*given: Any) -> Reading:
        modes.append(given[4])
        return evaluate(*given)

    monkeypatch.setattr(loop, "evaluate", counted)
    return modes


@pytest.mark.parametrize(
    "strategy", ["softk", "hash", "coe", "expert_choice", "expert_threshold", "sinkhorn"]
)
@pytest.mark.parametrize("policy", ["position", "none"])
def test_measure_reads_each_mode_and_no_pass_twice(
    trainer_of: Callable[..., Trainer],
    windows: EvaluationWindows,
    passes: list[Mode],
    strategy: str,
    policy: str,
) -> None:
    trainer = trainer_of(strategy, moe={"capacity_factor": 0.5, "drop_policy": policy})
    trainer.step(0)  # running thresholds leave their start
    measured = measure(trainer, windows)
    readings = {
        CAUSAL: measured.causal,
        TRAINING: measured.limited,
        DROPLESS: measured.train_mode,
    }
    made = list(passes)
    for mode, reading in readings.items():
        expected = evaluate(trainer.model, windows, 4, FP32, mode)
        assert reading.quality == expected.quality
        assert reading.routing == expected.routing
    different = {reading.nats_per_story.tobytes() for reading in readings.values()}
    # a strategy that is balanced by rule may decide alike in two modes
    assert len(made) == len(set(made)) >= len(different)
    own_rule = registry.load(strategy).decode is not None
    drops = policy != "none" and strategy not in ("expert_choice", "expert_threshold")
    assert len(made) == 1 + own_rule + drops


@pytest.mark.parametrize("strategy", HONEST)
def test_leak_premium_is_what_training_mode_knows_too_much(
    trainer_of: Callable[..., Trainer], windows: EvaluationWindows, strategy: str
) -> None:
    measured: Measured = measure(trainer_of(strategy), windows)
    row, readings = measured.measures, (measured.causal, measured.train_mode)
    causal, train = (reading.quality.bits_per_byte for reading in readings)
    assert row["bits_per_byte"] == causal
    assert row["bits_per_byte_train_mode"] == train
    assert row["leak_premium"] == causal - train
    assert (row["leak_premium"] == 0) == (strategy not in ("expert_choice", "sinkhorn"))
    assert measured.causal.routing is not None
    used = measured.causal.routing.assignments_per_token
    assert row["assignments_per_token_causal"] == used
    if strategy not in ("expert_choice", "expert_threshold", "remoe"):
        assert used == 2 or strategy == "top1"
