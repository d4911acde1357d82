"""Counts against models that were built and run; widths against their targets."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from moe_core.errors import StudyError
from moe_core.model.moe_layer import DROPLESS
from moe_core.routing.draws import Draws
from moe_core.vision.checks import image_strategies
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig
from moe_core.vision.flops import cnn_flops, cnn_params, image_cost
from moe_core.vision.widths import channels_of_flops, channels_of_params
from tests.conftest import legal_k
from tests.vision.conftest import built, cnn, images

SHAPES = [ImageShape(3, 8, 10), ImageShape(1, 14, 7)]
CONFIGS = [
    cnn(None, (4, 6, 5)),
    cnn("soft_moe", (4,), patch=2, num_experts=3),
    ResNetConfig(kind="resnet18", width=4),
    *(cnn(name, top_k=legal_k(name)) for name in image_strategies()),
    *(cnn("softk", router=net) for net in ("mlp", "mlp_hadamard", "cosine")),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("config", CONFIGS)
def test_counts_are_those_of_the_model_that_runs(
    config: CnnConfig | ResNetConfig, shape: ImageShape
) -> None:
    model = built(config, shape).train()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        _, decided = model(images(6, shape), DROPLESS, Draws(torch.Generator()))
    assignments = int(decided[0].routing.kept_A.sum()) / 6 if decided else 1.0
    cost = image_cost(config, shape, assignments)
    assert counter.get_total_flops() == pytest.approx(6 * cost.flops_active, rel=1e-12)
    assert sum(p.numel() for p in model.parameters()) == cost.params_total
    every = image_cost(config, shape, 4)  # of four experts
    assert cost.flops_total == (every.flops_active if decided else cost.flops_active)
    assert every.params_active == cost.params_total
    assert cost.train_flops == 3 * cost.flops_active


RATIOS = [[4, 8, 16], [16, 32, 64], [64, 128, 256]]


@settings(max_examples=60)
@given(
    st.sampled_from(RATIOS),
    st.integers(8, 32),
    st.integers(10, 100),
    st.sampled_from([1, 3]),
    st.floats(0, 1),
)
def test_a_dense_network_as_large_as_a_mixture_is_found(
    like: list[int], size: int, classes: int, channels: int, place: float
) -> None:
    shape = ImageShape(channels, size, classes)
    for cost, solve in ((cnn_flops, channels_of_flops), (cnn_params, channels_of_params)):
        least, most = cost(RATIOS[0], shape), 16 * cost(RATIOS[-1], shape)
        target = least * (most / least) ** place
        found = solve(target, like, shape)
        assert abs(cost(found, shape) / target - 1) <= 0.01
        scales = [c / w for c, w in zip(found, like, strict=True)]
        uneven = max(scales) / min(scales)
        assert uneven <= (1.1 if min(found) > 20 else 2)  # whole channels are coarse where few
        assert solve(target, like, shape) == found
        assert solve(cost(like, shape), like, shape) == like


def test_a_target_below_any_network_is_refused() -> None:
    with pytest.raises(StudyError, match="channels: no CNN like \\[4, 8\\] has 12 parameters"):
        channels_of_params(12, [4, 8], SHAPES[0])


def test_planning_needs_no_torch() -> None:
    modules = "moe_core.vision.widths, moe_core.vision.checks"
    program = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
