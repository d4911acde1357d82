"""Inference cost: FLOPs as torch counts them, and what running only chosen experts saves."""

import numpy as np
import pandas as pd
import pytest
import torch

from moe_core.routing import registry
from moe_core.vision.checks import image_strategies
from moe_core.vision.cost import counted_flops, inference, measured_flops, without_manager
from tests.vision.conftest import built, cnn, images
from workflow_scripts.vision_cost import LARGEST, LARGEST_FLOPS, ONE, facts


@pytest.mark.parametrize("strategy", [*image_strategies(), "soft_moe", None])
def test_torch_counts_what_the_formula_says_of_the_choices_made(strategy):
    top_k = 1
    if strategy in registry.names():
        declared = registry.load(strategy)
        top_k = max(declared.min_top_k, min(2, declared.max_top_k or 2))
    patch = 4 if strategy == "soft_moe" else None
    model = built(cnn(strategy, patch=patch, num_experts=4, top_k=top_k))
    flops, reached = measured_flops(model, images(7))  # which raises where they differ
    assert flops > 0
    assert 0 <= reached <= 7 * 4


def test_running_every_expert_is_the_same_function_at_more_cost():
    model, batch = built(cnn("softk", num_experts=4, top_k=2)), images(9)
    rival = without_manager(model, batch)
    torch.testing.assert_close(inference(rival, batch)(), inference(model, batch)())
    flops, reached = measured_flops(model, batch)
    assert reached == 18
    expert = counted_flops(lambda: model.net.experts(batch))
    assert (
        counted_flops(inference(rival, batch)) - flops == 2 * expert
    )  # four experts for each image in place of two


def row(size: int, conditional: bool | None, flops: float, ms: list[float]) -> dict:
    about = {"run": "a", "batch_size": size, "conditional": conditional, "num_experts": 8.0}
    about |= {"images": "digits", "device": "cpu", "threads": 1, "flops_per_image": flops}
    return about | {"samples_ms": " ".join(map(str, ms))}


def test_facts_are_ratios_over_repeats_at_the_largest_batch_and_for_one_image():
    table = pd.DataFrame(
        [
            row(64, None, 5.0, [9.0, 9.0]),  # a dense CNN
            row(64, True, 2.0, [1.0, 2.0]),
            row(64, False, 16.0, [6.0, 12.0]),
        ]
    )
    found = facts(table, [64]).set_index("fact")
    assert found.value[LARGEST] == pytest.approx(6)
    assert found.low[LARGEST] == pytest.approx(6)  # the ratio is the same in both
    assert found.value[LARGEST_FLOPS] == pytest.approx(1 / 8)
    assert np.isnan(found.low[LARGEST_FLOPS])
    assert found.not_measured[ONE] == "no batch of this size is timed"
    assert "8 experts on digits, CPU threads: 1" in found.about[LARGEST]
    none = facts(table.iloc[:1], [64])
    assert none.not_measured.iloc[0] == "no top-1 mixture finished"
