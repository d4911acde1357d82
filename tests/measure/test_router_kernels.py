from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from moe_core.dispatch.kinds import Backend
from moe_core.measure.layer_profile import FORWARD, ProfiledLayer
from moe_core.measure.router_kernels import (
    TORCH,
    Deviation,
    Shape,
    bytes_moved,
    deviation,
    random_inputs,
    triton_kernels,
    variants,
)
from moe_core.measure.stages import STAGES
from moe_core.routing.capacity import limit_capacity
from workflow_scripts.layer_profile import facts as layer_facts
from workflow_scripts.router_kernels import facts, log_total_RS

SHAPE = Shape(96, 6, 2, 16, torch.float32, capacity_factor=0.9)
INPUTS = random_inputs(SHAPE, "cpu")


def test_stages_compose_to_the_routing_of_a_layer():
    expert_TK, weight_TK, switch, z = TORCH.select(INPUTS.logits_TE.detach(), 2)
    prob_TE = INPUTS.logits_TE.detach().double().softmax(-1)
    best_TK, _ = prob_TE.topk(2)
    torch.testing.assert_close(weight_TK.double(), best_TK, atol=1e-6, rtol=0)
    share_E = torch.bincount(expert_TK.flatten(), minlength=6) / 192
    assert float(switch) == pytest.approx(6 * float((share_E * prob_TE.mean(0)).sum()), rel=1e-5)
    square = INPUTS.logits_TE.double().logsumexp(-1).square().mean()
    assert float(z) == pytest.approx(float(square), rel=1e-5)
    kept_A, order_A = TORCH.slots(expert_TK, 6, SHAPE.capacity)
    limited = limit_capacity(INPUTS.routing, SHAPE.capacity, 96, "position")
    assert kept_A.equal(limited.kept_A)
    assert torch.sort(order_A)[0].equal(torch.arange(192))
    assert (INPUTS.routing.expert_A[order_A].diff() >= 0).all()
    y_TD = TORCH.move(INPUTS.x_TD, limited)
    expected_TD = INPUTS.x_TD * limited.dense_TE().sum(1, keepdim=True)
    torch.testing.assert_close(y_TD, expected_TD)


@pytest.mark.parametrize("stage", STAGES)
def test_every_call_runs(stage):
    TORCH.calls(INPUTS)[stage]()


def test_bytes_moved_are_those_of_the_tensors():
    kept, row = int(INPUTS.limited.kept_A.sum()), INPUTS.x_TD[0].nbytes
    expert_TK, weight_TK, _, _ = TORCH.select(INPUTS.logits_TE, 2)
    ids, weights, logits = expert_TK.nbytes, weight_TK.nbytes, INPUTS.logits_TE.nbytes
    assert bytes_moved(SHAPE, kept, "select") == 3 * logits + ids + 2 * weights
    kept_A, order_A = TORCH.slots(expert_TK, 6, SHAPE.capacity)
    assert bytes_moved(SHAPE, kept, "slots") == ids + kept_A.nbytes + order_A.nbytes
    moved = 2 * 2 * (INPUTS.x_TD.nbytes + kept * row) + kept * (row + 4)
    assert bytes_moved(SHAPE, kept, "move") == moved


def test_torch_deviates_from_itself_by_nothing():
    assert deviation(TORCH, INPUTS) == Deviation(0, 0.0)


def test_triton_deviates_by_rounding_alone():
    device = "cuda" if torch.cuda.is_available() else "cpu"  # there by its interpreter
    inputs = random_inputs(SHAPE, device)
    variant = triton_kernels(device)
    found = deviation(variant, inputs)
    assert found.mismatches == 0
    assert found.relative_error < 1e-6
    for stage, call in variant.calls(inputs).items():
        gradients, expected = call(), TORCH.calls(inputs)[stage]()
        for ours, theirs in zip(gradients, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_a_wrong_implementation_is_noticed():
    def worst(logits_TE, top_k):
        return TORCH.select(-logits_TE, top_k)

    def generous(expert_TK, num_experts, capacity):
        return TORCH.slots(expert_TK, num_experts, capacity + 1)

    def doubled(x_TD, routing):
        return 2 * TORCH.move(x_TD, routing)

    assert deviation(replace(TORCH, select=worst), INPUTS).mismatches > 100
    assert deviation(replace(TORCH, slots=generous), INPUTS).mismatches > 0
    assert deviation(replace(TORCH, move=doubled), INPUTS).relative_error == pytest.approx(1)


def test_what_cannot_be_measured_says_why(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = variants("cpu")
    assert found["torch"] is TORCH
    assert found["Triton"] == "not measured here: Triton's kernels need a GPU"
    assert found["compiled torch"] == "not measured here: torch.compile finds no C++ compiler"


def rows_of(variant: str, factor: float, **columns: object) -> list[dict]:
    shapes = [(8, 1), (8, 2), (64, 1)]
    return [
        {"variant": variant, "tokens": 64, "num_experts": e, "top_k": k, "stage": stage}
        | {"samples_ms": f"{factor} {2 * factor} {factor}", "not_measured": None}
        | columns
        for e, k in shapes
        for stage in ("select", "slots", "move")
    ]


def test_speedup_is_of_all_stages_together():
    rows = rows_of("torch", 3.0) + rows_of("compiled torch", 1.5, mismatches=2)
    rows += rows_of("Triton", 1.0, not_measured="no GPU here", samples_ms=None)
    told = facts(pd.DataFrame(rows)).set_index("fact")
    assert told.value["compiled_speedup"] == pytest.approx(2)
    assert told.low["compiled_speedup"] == pytest.approx(2)  # repeats agree on it
    assert told.n["compiled_speedup"] == 3
    assert told.value["compiled_mismatches"] == 3 * 2  # once a shape, not once a stage
    assert told.not_measured["triton_speedup"] == "no GPU here"
    assert np.isnan(told.value["triton_speedup"])
    assert log_total_RS(pd.DataFrame(rows), "torch").shape == (3, 3)


def test_growth_is_by_doubling_and_memory_over_the_smallest_capacity():
    whole = pd.DataFrame(
        [
            {"tokens": 64, "num_experts": e, "top_k": k, "stage": "whole"}
            | {"samples_ms": " ".join(str(r * k**2 * e**0.5) for r in (1, 2, 3))}
            for e in (4, 16, 64)
            for k in (1, 2, 4)
        ]
    )
    peaks = pd.DataFrame(
        {"of": "training step", "dispatch": "padded"}
        | {"capacity_factor": [1.25, 1.0, 1.1], "peak_bytes": [150, 100, 110]}
    )
    told = layer_facts(whole, peaks).set_index("fact").value
    assert told["time_per_doubled_choices"] == pytest.approx(4)
    assert told["time_per_doubled_experts"] == pytest.approx(2**0.5)
    assert told["memory_of_capacity_1_25_over_1_padded"] == pytest.approx(1.5)
    assert told["memory_of_capacity_1_1_over_1_padded"] == pytest.approx(1.1)


@pytest.mark.parametrize("backend", ["reference", "padded", "grouped", "segments"])
def test_a_profiled_layer_is_a_layer(backend: Backend):
    layer = ProfiledLayer(SHAPE, hidden=24, device="cpu", backend=backend)
    calls = layer.calls()
    assert [*calls] == [*FORWARD, "forward", "whole"]
    for call in calls.values():
        call()
    expected, _ = ProfiledLayer(SHAPE, 24, "cpu", "reference").forward()
    torch.testing.assert_close(layer.forward()[0], expected, atol=1e-5, rtol=1e-4)
