"""The backend against the reference: outputs and all gradients, whatever the routing."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.dispatch.kinds import ExpertKind
from moe_core.dispatch.triton import backend
from moe_core.dispatch.weights import ExpertWeights
from moe_core.model.transformer import routed_experts
from moe_core.routing.routing import Routing, from_mask, from_token_choice
from tests.conftest import moe_of
from tests.dispatch.conftest import assert_equal_to_reference, routings, tokens, weights_of
from tests.dispatch.triton.conftest import DEVICE, examples

pytestmark = pytest.mark.usefixtures("unwritten_memory_is_nan")
PRECISIONS = [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)]


def on_device(routing: Routing) -> Routing:
    names = ("token_A", "expert_A", "weight_A", "kept_A")
    return replace(routing, **{name: getattr(routing, name).to(DEVICE) for name in names})


def assert_equal(routing: Routing, kind: ExpertKind, dtype: torch.dtype, tolerance: float) -> None:
    in_EHD, out_EDF, _ = weights_of(routing.num_experts, kind, dtype)
    weights = ExpertWeights(in_EHD.to(DEVICE), out_EDF.to(DEVICE), kind)
    x_TD = tokens(routing, dtype).to(DEVICE)
    assert_equal_to_reference("triton", x_TD, on_device(routing), weights, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@examples(40)
@given(data=st.data())
def test_the_backend_equals_the_reference(
    dtype: torch.dtype, tolerance: float, data: st.DataObject
) -> None:
    kind: ExpertKind = data.draw(st.sampled_from(["swiglu", "gelu", "linear"]))
    assert_equal(data.draw(routings(dtype)), kind, dtype, tolerance)


def test_the_cases_of_the_edges() -> None:
    """One token, one expert, all tokens to one of many, none kept, none chosen, more E than T."""
    cases = {
        "one token": from_token_choice(torch.tensor([[2]]), torch.ones(1, 1), 4),
        "one expert": from_token_choice(torch.zeros(7, 1, dtype=torch.int64), torch.ones(7, 1), 1),
        "all to one": from_token_choice(torch.full((9, 1), 3), torch.rand(9, 1), 5),
        "few tokens": from_token_choice(torch.tensor([[5, 40], [63, 5]]), torch.rand(2, 2), 64),
        "no token": from_token_choice(torch.zeros(0, 2, dtype=torch.int64), torch.ones(0, 2), 3),
        "none chosen": from_mask(torch.zeros(5, 3) > 0, torch.ones(5, 3)),
    }
    cases["none kept"] = cases["all to one"].with_kept(torch.zeros(9, dtype=torch.bool))
    for routing, (dtype, tolerance) in itertools.product(cases.values(), PRECISIONS):
        assert_equal(routing, "gelu", dtype, tolerance)


def test_a_layer_chooses_and_limits_by_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``test_every_strategy_through_every_backend`` cannot see: they equal torch."""
    called = []

    def heard(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: called.append(name) or function(*given)

    monkeypatch.setitem(backend.RULES, "softk", heard("rule", backend.RULES["softk"]))
    monkeypatch.setattr(backend, "limit_capacity", heard("slots", backend.limit_capacity))
    monkeypatch.setattr(backend, "multiply", heard("rows", backend.multiply))
    layer = routed_experts(moe_of("softk"), 8, 8, "swiglu", torch.arange(20)).to(DEVICE)
    id_T = torch.zeros(12, dtype=torch.int64, device=DEVICE)
    layer(torch.ones(12, 8, device=DEVICE), id_T, id_T, 12)
    assert called == []
    layer.backend = "triton"
    layer(torch.ones(12, 8, device=DEVICE), id_T, id_T, 12)
    assert called == ["rule", "slots", "rows"]
