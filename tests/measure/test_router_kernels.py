import shutil
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
    compiled,
    deviation,
    random_inputs,
    triton_kernels,
    variants,
)
from moe_core.measure.stages import STAGES
from moe_core.routing.capacity import limit_capacity
from workflow_scripts.layer_profile import facts as layer_facts
from workflow_scripts.router_kernels import facts, log_seconds_SR

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


@pytest.mark.skipif(shutil.which("g++") is None, reason="nothing to compile with")
def test_compiled_torch_deviates_by_rounding_alone():
    found = deviation(compiled(), INPUTS)
    assert found.mismatches == 0
    assert found.relative_error < 1e-4


def test_triton_deviates_by_rounding_alone():
    device = "cuda" if torch.cuda.is_available() else "cpu"  # there by its interpreter
    inputs = random_inputs(SHAPE, device)
    variant = triton_kernels(device)
    found = deviation(variant, inputs)
    assert found.mismatches == 0
    assert found.relative_error < 1e-5
    for stage, call in variant.calls(inputs).items():
        gradients, expected = call(), TORCH.calls(inputs)[stage]()
        for ours, theirs in zip(gradients, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_weights_that_sum_to_one_have_a_gradient_to_compare():
    inputs = random_inputs(Shape(32, 2, 2, 8, torch.float32), "cpu")

    def rounded(logits_TE, top_k):
        return TORCH.select(logits_TE * (1 + 1e-6), top_k)

    assert 0 < deviation(replace(TORCH, select=rounded), inputs).relative_error < 1e-3


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
        | {"ms": factor, "samples_ms": f"{factor} {2 * factor} {factor}", "not_measured": None}
        | {"mismatches": 0, "relative_error": 0.0}
        | columns
        for e, k in shapes
        for stage in ("select", "slots", "move")
    ]


def test_speed_is_over_the_faster_rival_and_the_router_is_not_the_dispatch():
    compiled = rows_of("compiled torch", 1.5, mismatches=2, relative_error=1e-3)
    triton = rows_of("Triton", 0.5)
    for row in triton:
        if row["stage"] == "move":
            row |= {"ms": 9.0, "samples_ms": "9 18 9"}
    table = pd.DataFrame(rows_of("torch", 3.0) + compiled + triton)
    told = facts(table).set_index("fact")
    assert told.value["compiled_router_speedup"] == pytest.approx(2)
    assert told.low["compiled_router_speedup"] == pytest.approx(2)  # repeats agree on it
    assert told.value["triton_router_speedup"] == pytest.approx(3)  # over compiled torch
    assert told.value["triton_move_speedup"] == pytest.approx(1.5 / 9)
    assert "torch and compiled torch" in told.about["triton_move_speedup"]
    assert told.value["compiled_mismatches"] == 3 * 2  # once a shape, not once a stage
    assert told.value["compiled_relative_error"] == 1e-3
    assert np.isnan(told.low["compiled_mismatches"])  # no sample, so no interval
    assert log_seconds_SR(table, "torch", ("select", "slots")).shape == (3, 3)


def test_what_differs_is_told_and_not_timed():
    nothing = {"ms": None, "samples_ms": None}
    absent = rows_of("compiled torch", 1, not_measured="no compiler", **nothing)
    absent = [row | {"mismatches": None, "relative_error": None} for row in absent]
    wrong = rows_of("Triton", 1, not_measured="not timed", mismatches=4, **nothing)
    told = facts(pd.DataFrame(rows_of("torch", 3.0) + absent + wrong)).set_index("fact")
    assert told.not_measured["triton_router_speedup"] == "not timed"
    assert told.value["triton_mismatches"] == 12
    assert told.not_measured["compiled_mismatches"] == "no compiler"
    assert told.not_measured["compiled_move_speedup"] == "no compiler"


def test_nothing_that_is_not_finite_counts_as_equal():
    def broken(x_TD, routing):
        return TORCH.move(x_TD, routing) * torch.where(x_TD[:, :1] > 0, 1.0, torch.nan)

    def unlearned(logits_TE, top_k):
        expert_TK, weight_TK, switch, z = TORCH.select(logits_TE, top_k)
        return expert_TK, weight_TK, switch.detach() + 0 * switch, z

    assert deviation(replace(TORCH, move=broken), INPUTS).mismatches > 100
    assert deviation(replace(TORCH, select=unlearned), INPUTS).relative_error > 0.01


def test_ties_may_fall_either_way():
    tied = replace(INPUTS, logits_TE=torch.zeros(96, 6, requires_grad=True))

    def last(logits_TE, top_k):
        expert_TK, *others = TORCH.select(logits_TE, top_k)
        return 5 - expert_TK, *others

    assert deviation(replace(TORCH, select=last), tied).mismatches == 0


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
