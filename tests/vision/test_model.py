"""A mixture of CNNs against dense products, counted operations and its own promises."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from moe_core.audits.conservation import Renamed
from moe_core.errors import StudyError
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.routing import from_mask
from moe_core.vision.checks import SOFT_MOE, check_routing, image_strategies
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig
from moe_core.vision.experts import CnnExperts
from moe_core.vision.gate import GatingCnn
from moe_core.vision.model import ImageModel
from tests.conftest import moe_of
from tests.vision.conftest import built, cnn, images

everything = pytest.mark.parametrize("name", image_strategies())


def flops_of(model: ImageModel, image_BCHW: Tensor) -> int:
    """Counted as the model runs, by the rule of a decoder."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image_BCHW, CAUSAL)
    return counter.get_total_flops()


@everything
def test_what_a_layer_gives_is_the_dense_product(name: str) -> None:
    model = built(cnn(name, capacity_factor=0.5, jitter=0.1, bias_rate=0.1)).train()
    x = images(16)
    logits_B1V, (step,) = model(x, TRAINING, Draws(torch.Generator().manual_seed(0)))
    y_EBV = model.net.experts.each(x)
    expected_BV = torch.einsum("be,ebv->bv", step.routing.dense_TE(), y_EBV)
    assert logits_B1V.shape == (16, 1, 10)
    assert torch.allclose(logits_B1V.squeeze(1), expected_BV, rtol=1e-12, atol=1e-12)
    assert (step.sequence, step.context.group_size) == (16, 16)


def test_an_expert_is_the_network_that_torch_builds() -> None:
    config, nn = cnn(None, (4, 6)), torch.nn
    model = built(config).net
    stages: list[Any] = []
    for kernel, scale, shift, narrow in zip(
        model.kernel, model.scale, model.shift, (3, 4), strict=True
    ):
        conv, norm = (
            nn.Conv2d(narrow, len(scale[0]), 3, padding=1, bias=False),
            nn.GroupNorm(1, len(scale[0])),
        )
        conv.weight, norm.weight, norm.bias = (nn.Parameter(p[0]) for p in (kernel, scale, shift))
        stages += [conv, norm, nn.ReLU(), nn.MaxPool2d(2)]
    head = nn.Linear(6, 10)
    head.weight, head.bias = nn.Parameter(model.head_EVC[0]), nn.Parameter(model.bias_EV[0])
    plain = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).double()
    assert torch.allclose(model(images(3)), plain(images(3)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("num_experts", [2, 8])
def test_top_1_runs_one_expert_an_image_however_many_there_are(num_experts: int) -> None:
    x = images(12)
    model = built(cnn("top1", num_experts=num_experts))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.net.routers[0](x)
    gate = counter.get_total_flops()
    assert flops_of(model, x) == flops_of(built(cnn(None)), x) + gate
    head = 2 * 12 * 5 * num_experts  # all that grows with E
    assert gate - head == 2 * 12 * 9 * (2 * 2 * 3 * 4 + 4 * 5)


def test_all_experts_by_softmax_are_the_dense_mixture() -> None:
    model, x = built(cnn("softk", top_k=4)), images(6)
    logits_BV, (step,) = model(x, DROPLESS)
    gate_BE = model.net.routers[0](x).softmax(-1)
    expected = (gate_BE.T.unsqueeze(-1) * model.net.experts.each(x)).sum(0)
    assert torch.allclose(logits_BV.squeeze(1), expected, rtol=1e-12, atol=1e-12)
    assert step.routing.kept_A.all()


def test_an_expert_without_rows_costs_nothing_and_has_a_gradient_of_zero() -> None:
    bank = CnnExperts(3, [4], 3, 10)
    for parameter in bank.parameters():
        torch.nn.init.normal_(parameter)
    x = images(5).float()
    only_second = from_mask((torch.arange(3) == 1).expand(5, 3), torch.rand(5, 3))
    with FlopCounterMode(display=False) as counter:
        y_TV = bank.multiply(x, only_second)
    assert counter.get_total_flops() == 5 * (2 * 64 * 27 * 4 + 2 * 4 * 10)
    y_TV.square().sum().backward()
    for parameter in bank.parameters():
        assert parameter.grad is not None
        assert not parameter.grad[[0, 2]].any()
        assert parameter.grad[1].any()
    nobody = only_second.with_kept(torch.zeros_like(only_second.kept_A))
    with FlopCounterMode(display=False) as counter:
        nothing_TV = bank.multiply(x, nobody)
    assert counter.get_total_flops() == 0
    assert nothing_TV.shape == (5, 10)
    nothing_TV.sum().backward()  # all off, as ReMoE's gates may be: no crash


@everything
def test_names_of_experts_mean_nothing(name: str) -> None:
    model, x = built(cnn(name)), images(8)
    before = model(x, CAUSAL)[0]
    with torch.no_grad():
        for parameter in model.net.experts.parameters():
            parameter.copy_(parameter.roll(1, 0))
    model.net.routers[0] = Renamed(model.net.routers[0])
    assert torch.allclose(model(x, CAUSAL)[0], before, rtol=1e-12, atol=1e-12)


@everything
def test_by_the_rule_of_an_image_no_image_sees_its_neighbours(name: str) -> None:
    model, x = built(cnn(name)), images(8)
    alone = torch.cat([model(row, CAUSAL)[0] for row in x.split(1)])
    assert torch.allclose(model(x, CAUSAL)[0], alone, rtol=1e-12, atol=1e-12)


def test_the_gate_gives_what_its_head_reads() -> None:
    gate, x = built(cnn("softk", router="mlp")).net.routers[0], images(4)
    assert isinstance(gate, GatingCnn)
    assert gate.features(x).shape == (4, 5)
    assert torch.equal(gate.head(gate.features(x)), gate(x))


def test_a_gate_starts_by_spreading_images_over_its_experts() -> None:
    shape = ImageShape(channels=3, size=16, classes=10)
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randn(256, 3, 4, 4, generator=draw, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, size=16, mode="bilinear")
    largest = []
    for seed in range(4):
        config = cnn("top1", num_experts=8, gate_channels=(8, 16))
        _, (step,) = built(config, shape, seed)(smooth, CAUSAL)
        largest.append(step.routing.load_E().max().item() / 256)
    assert sum(largest) / 4 < 0.4  # by features of ReLU 0.7


def test_a_frozen_gate_asks_for_no_gradient() -> None:
    routers = built(cnn("frozen_router")).net.routers
    assert not any(parameter.requires_grad for parameter in routers.parameters())


def test_experts_start_alike_however_many_there_are() -> None:
    few, many = (dict(built(cnn("top1", num_experts=e)).named_parameters()) for e in (2, 8))
    for name in few:
        same = torch.equal(few[name], many[name][: len(few[name])])
        assert same or ".head.weight_ED" in name  # of the router, whose width is E
    kernel = built(cnn("top1", (64, 64), num_experts=4)).net.experts.kernel[1]
    assert kernel.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.01)
    assert not torch.equal(kernel[0], kernel[1])


def test_noise_starts_equal_everywhere_and_can_learn() -> None:
    model, x = built(cnn("noisy_topk")).train(), images(8)
    draws = Draws(torch.Generator().manual_seed(0))
    logits, (step,) = model(x, TRAINING, draws)
    assert not step.context.noise_logits_TE.any()
    logits.logsumexp(-1).sum().backward()
    assert model.net.noise_router.head.weight_ED.grad.any()


@pytest.mark.parametrize(
    "name", ["hash", "position_hash", "coe", "as_published_softk", "unheard_of", SOFT_MOE]
)
def test_strategies_that_do_not_fit_images_are_refused(name: str) -> None:
    moe = moe_of("softk").model_copy(update={"strategy": name})
    with pytest.raises(StudyError, match=f"strategy: '{name}' does not route images; allowed: exp"):
        check_routing(moe)
    assert {"top1", "softk", "expert_choice", "sinkhorn", "frozen_router"} <= {*image_strategies()}
    assert {*image_strategies()} <= {*registry.names()}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (cnn(None, (4, 4, 4, 4)), "channels: 4 stages .* 8 pixels.*allowed: 3 stages"),
        (cnn("top1", gate_channels=()), "gate_channels: is empty"),
        (cnn("top1", shared_hidden=3), "shared_hidden"),
        (cnn(SOFT_MOE, (4,), patch=3), "patch: 3 does not divide"),
        (cnn(SOFT_MOE, (4, 4, 4), patch=4), "channels: 3 stages"),
        (cnn("softk", (4,), patch=4), "patch: only Soft MoE"),
        (cnn(None, (4,), patch=4), "patch: only Soft MoE"),
        (cnn(SOFT_MOE, (4,), patch=4, jitter=0.1), "patch: Soft MoE has no gate"),
    ],
)
def test_models_that_cannot_be_are_refused(config: CnnConfig, problem: str) -> None:
    with pytest.raises(StudyError, match=problem):
        built(config)


def test_resnet_18_has_the_parameters_of_the_paper_and_keeps_its_statistics() -> None:
    shape = ImageShape(channels=3, size=32, classes=100)
    model = built(ResNetConfig(kind="resnet18", width=64), shape)
    assert sum(p.numel() for p in model.parameters()) == 11_220_132
    small = built(ResNetConfig(kind="resnet18", width=4), ImageShape(1, 28, 7))
    stored = small.stored_tensors()
    before = stored["net.stem.1.running_mean"].clone()
    x = images(4, ImageShape(1, 28, 7))
    assert small.train()(x)[0].shape == (4, 1, 7)
    assert not torch.equal(stored["net.stem.1.running_mean"], before)
    twin = built(ResNetConfig(kind="resnet18", width=4), ImageShape(1, 28, 7), seed=1)
    twin.load_state_dict(stored)
    assert torch.equal(twin(x)[0], small.eval()(x)[0])
    assert (small.routing, small.moe_layers(), small.vocab_size) == (None, [], 7)
