import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict

import pytest
import torch
from torch import nn

from moe_core.corpus.batches import EvaluationWindows
from moe_core.model.transformer import Transformer
from moe_core.routing import registry
from moe_core.training.evaluation import Quality, RoutingMeasures, evaluate
from moe_core.training.loop import Trainer, measure

ModelOf = Callable[..., Transformer]
FP32 = nullcontext()


def measures(
    model: Transformer, windows: EvaluationWindows, dropless: bool, batch_size: int = 4
) -> tuple[Quality, RoutingMeasures]:
    quality, routing = evaluate(model, windows, batch_size, FP32, dropless)
    assert routing is not None
    return quality, routing


@torch.no_grad()
def slow_bits(
    model: Transformer, windows: EvaluationWindows, dropless: bool
) -> tuple[float, float]:
    """Bits per byte and mean nats: one window at a time, one target at a time, in float64."""
    nats, count = 0.0, 0
    for inputs, targets, stories in zip(
        windows.inputs_NS, windows.targets_NS, windows.story_NS, strict=True
    ):
        logits = model(inputs.unsqueeze(0), dropless)[0][0].double()
        for row, target, story in zip(logits, targets.tolist(), stories.tolist(), strict=True):
            if story >= 0:
                nats -= float(row[target] - torch.logsumexp(row, 0))
                count += 1
    return nats / math.log(2) / windows.bytes, nats / count


@pytest.mark.parametrize("strategy", [None, *registry.names()])
@pytest.mark.parametrize("dropless", [True, False])
def test_quality_against_a_slow_loop(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str | None, dropless: bool
) -> None:
    model = model_of(strategy, capacity_factor=0.75)
    assert (windows.story_NS < 0).any(), "a story that is cut off must not count"
    quality, _ = evaluate(model, windows, 4, FP32, dropless)
    bits, loss = slow_bits(model, windows, dropless)
    assert quality.bits_per_byte == pytest.approx(bits, rel=1e-5)
    assert quality.loss == pytest.approx(loss, rel=1e-5)
    assert quality.perplexity == pytest.approx(math.exp(loss), rel=1e-5)


@pytest.mark.parametrize("strategy", registry.names())
def test_batch_size_does_not_matter(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str
) -> None:
    model = model_of(strategy, capacity_factor=0.75)
    quality, routing = measures(model, windows, False, batch_size=4)  # 4 + 4 + 2 windows
    for batch_size in (1, 3, 10):
        other_quality, other = measures(model, windows, False, batch_size)
        assert asdict(other_quality) == pytest.approx(asdict(quality), rel=1e-5)
        for field, value in asdict(routing).items():
            if field != "switch_loss" and value is not None:  # that is of a batch by definition
                assert getattr(other, field) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("strategy", ["top1", "softk", "hash"])
def test_drops_against_a_count(
    model_of: ModelOf, windows: EvaluationWindows, strategy: str
) -> None:
    model = model_of(strategy, capacity_factor=0.5)
    with torch.no_grad():
        for block in model.blocks:  # a router that prefers two experts
            if block.ffn.router is not None:
                block.ffn.router.weight_ED[2:] *= 0.1
    _, free = measures(model, windows, dropless=True)
    _, limited = measures(model, windows, dropless=False)
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
    _, narrow = measures(tight, windows, dropless=False)
    _, free = measures(wide, windows, dropless=False)
    assert narrow.drop_rate > 0.5 > free.drop_rate == 0
    for field in ("load_cv", "max_vio", "dead_experts", "router_entropy_nats"):
        assert getattr(narrow, field) == getattr(free, field)
    assert narrow.load_cv > 0.1


def test_load_is_of_the_split_not_of_a_batch(model_of: ModelOf, windows: EvaluationWindows) -> None:
    model = model_of("softk")
    _, routing = measures(model, windows, dropless=True)
    cvs = []
    for layer in range(2):
        load = [0] * 4
        for i in range(10):
            decided = model(windows.inputs_NS[i : i + 1], True)[1][layer].routing
            for expert in decided.expert_A.tolist():
                load[expert] += 1
        mean = sum(load) / 4
        cvs.append(math.sqrt(sum((n - mean) ** 2 for n in load) / 4) / mean)
    assert routing.load_cv == pytest.approx(sum(cvs) / 2)


def test_permuting_experts_changes_no_measure(
    model_of: ModelOf, windows: EvaluationWindows
) -> None:
    model = model_of("softk", capacity_factor=0.75)
    before = measures(model, windows, dropless=False)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        for block in model.blocks:
            ffn = block.ffn
            for weight in (ffn.router.weight_ED, ffn.experts.w_in_EHD, ffn.experts.w_out_EDF):
                weight.copy_(weight[order].clone())
    after = measures(model, windows, dropless=False)
    for old, new in zip(before, after, strict=True):
        assert asdict(new) == pytest.approx(asdict(old), rel=1e-5)


def test_models_without_router(model_of: ModelOf, windows: EvaluationWindows) -> None:
    assert evaluate(model_of(None), windows, 4, FP32, True)[1] is None
    _, routing = measures(model_of("hash"), windows, dropless=True)
    assert routing.router_entropy_nats is routing.switch_loss is routing.z_loss is None
    assert routing.load_cv >= 0


class ModeSpy(nn.Module):
    """Records whether it runs in training mode, and draws as dropout does."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        return torch.nn.functional.dropout(x, 0.5, self.training)


def test_evaluation_leaks_no_state(
    trainer_of: Callable[..., Trainer], windows: EvaluationWindows
) -> None:
    trainer = trainer_of("softk", moe={"capacity_factor": 0.5})
    spy = ModeSpy()
    trainer.model.norm = nn.Sequential(trainer.model.norm, spy)
    trainer.step(0)
    assert spy.modes == [True]
    gradients = [p.grad.clone() for p in trainer.model.parameters()]
    state = torch.get_rng_state()
    first = measure(trainer, windows)
    assert spy.modes == [True, *[False] * 6]  # two passes of three batches
    assert measure(trainer, windows) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert all(m.training for m in trainer.model.modules())
    for parameter, gradient in zip(trainer.model.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)
    trainer.step(1)
    assert spy.modes[-1]


def test_measure_reports_quality_dropless_and_drops_at_capacity(
    trainer_of: Callable[..., Trainer], windows: EvaluationWindows
) -> None:
    trainer = trainer_of("softk", moe={"capacity_factor": 0.5})
    row = measure(trainer, windows)
    free, _ = measures(trainer.model, windows, dropless=True)
    limited, routing = measures(trainer.model, windows, dropless=False)
    assert row["bits_per_byte"] == free.bits_per_byte
    assert row["bits_per_byte_at_capacity"] == limited.bits_per_byte != free.bits_per_byte
    assert row["drop_rate"] == routing.drop_rate >= 0.5
    dense = measure(trainer_of(None), windows)
    assert dense.keys() == asdict(free).keys()
