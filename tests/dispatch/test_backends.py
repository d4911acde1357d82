"""Every backend against the reference: outputs and all gradients, whatever the routing."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moe_core.dispatch.dispatch import BACKENDS, dispatch
from moe_core.dispatch.kinds import Backend, ExpertKind
from moe_core.dispatch.reference import reference
from moe_core.dispatch.weights import ExpertWeights
from moe_core.model.transformer import routed_experts
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.draws import Draws
from moe_core.routing.routing import Routing, from_token_choice
from tests.conftest import legal_k, moe_of
from tests.dispatch.conftest import D, assert_equal_to_reference, routings, tokens, weights_of

FAST: list[Backend] = ["padded", "grouped", "segments", "active", "gathered", "auto"]
PRECISIONS = [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)]


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("activation", ["swiglu", "gelu", "linear"])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@given(data=st.data())
def test_a_backend_equals_the_reference(
    backend: Backend,
    activation: ExpertKind,
    dtype: torch.dtype,
    tolerance: float,
    data: st.DataObject,
) -> None:
    routing = data.draw(routings(dtype))
    weights = weights_of(routing.num_experts, activation, dtype)
    assert_equal_to_reference(backend, tokens(routing, dtype), routing, weights, tolerance)


@pytest.mark.parametrize("backend", FAST)
def test_below_frozen_experts_tokens_get_the_same_gradient(backend: Backend) -> None:
    generator = torch.Generator().manual_seed(0)
    expert_TK = torch.rand(9, 3, generator=generator).topk(2).indices
    routing = from_token_choice(expert_TK, torch.rand(9, 2, generator=generator), 3)
    x_TD = tokens(routing, torch.float32).requires_grad_()
    weights = weights_of(3, "swiglu", torch.float32)
    frozen = dispatch(x_TD, routing, weights, backend)
    (gradient_TD,) = torch.autograd.grad(frozen, x_TD, torch.ones_like(x_TD))
    trained = ExpertWeights(*(w.clone().requires_grad_() for w in weights[:2]), "swiglu")
    (expected_TD, *_) = torch.autograd.grad(
        dispatch(x_TD, routing, trained, backend), [x_TD, *trained[:2]], torch.ones_like(x_TD)
    )
    torch.testing.assert_close(gradient_TD, expected_TD)


@pytest.mark.parametrize(
    "backend", ["padded", "segments", "gathered"]
)  # grouped_mm knows no float64
@given(routing=routings(torch.float64))
def test_in_float64_to_the_last_digits(backend: Backend, routing: Routing) -> None:
    weights = weights_of(routing.num_experts, "swiglu")
    assert_equal_to_reference(backend, tokens(routing, torch.float64), routing, weights, 1e-12)


@pytest.mark.parametrize("backend", FAST)
@given(routing=routings(torch.float32), token=st.integers(0, 8), data=st.data())
def test_nan_goes_where_the_reference_lets_it(
    backend: Backend, routing: Routing, token: int, data: st.DataObject
) -> None:
    """To the token, to its experts, and to nobody else: not through padding, not through slots."""
    x_TD = tokens(routing, torch.float32)
    x_TD[token % routing.num_tokens, data.draw(st.integers(0, D - 1))] = float("nan")
    weights = weights_of(routing.num_experts, "swiglu", torch.float32)
    assert_equal_to_reference(backend, x_TD, routing, weights, 1e-5)


def test_the_cases_of_the_edges() -> None:
    """One token, one expert, all tokens to one of many, none kept; E above the number of tokens."""
    cases = {
        "one token": from_token_choice(torch.tensor([[2]]), torch.ones(1, 1), 4),
        "one expert": from_token_choice(torch.zeros(7, 1, dtype=torch.int64), torch.ones(7, 1), 1),
        "all to one": from_token_choice(torch.full((9, 1), 3), torch.rand(9, 1), 5),
        "few tokens": from_token_choice(torch.tensor([[5, 40], [63, 5]]), torch.rand(2, 2), 64),
    }
    cases["none kept"] = cases["all to one"].with_kept(torch.zeros(9, dtype=torch.bool))
    for routing, backend in itertools.product(cases.values(), FAST):
        weights = weights_of(routing.num_experts, "gelu", torch.float32)
        assert_equal_to_reference(backend, tokens(routing, torch.float32), routing, weights, 1e-5)


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("skew", [0.0, 3.0])
def test_experts_side_by_side_equal_the_reference(skew: float) -> None:
    """Many experts on several threads, in turn where one has more than a thread's share."""
    draw = torch.Generator().manual_seed(0)
    score_TE = torch.rand(2000, 24, generator=draw) - skew * torch.arange(24) / 24
    routing = from_token_choice(score_TE.topk(2).indices, torch.rand(2000, 2, generator=draw), 24)
    routing = limit_capacity(routing, 90, 500, "position")
    weights = weights_of(24, "swiglu", torch.float32)
    assert_equal_to_reference("segments", tokens(routing, torch.float32), routing, weights, 1e-5)
    assert torch.get_num_threads() == 3


def test_rounded_segments_equal_the_reference() -> None:
    """Segments long enough to be rounded up, so that padding rows exist."""
    draw = torch.Generator().manual_seed(1)
    expert_TK = torch.rand(700, 3, generator=draw).topk(2).indices
    routing = from_token_choice(expert_TK, torch.rand(700, 2, generator=draw), 3)
    for dtype, tolerance in PRECISIONS:
        weights = weights_of(3, "gelu", dtype)
        x_TD = tokens(routing, dtype)
        assert_equal_to_reference("segments", x_TD, routing, weights, tolerance)
        x_TD[0] = float("nan")  # the token that padding rows would hold
        assert_equal_to_reference("segments", x_TD, routing, weights, tolerance)


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("capacity_factor", [0.5, 1.25])
def test_every_strategy_through_every_backend(name: str, capacity_factor: float) -> None:
    """A whole layer with its router: outputs and gradients of all parameters."""
    moe = moe_of(name, num_experts=4, top_k=legal_k(name), capacity_factor=capacity_factor)
    sequence, batch, dim = 12, 3, 8
    layer = routed_experts(moe, dim, 8, "swiglu", torch.arange(20))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=stream(0, name, str(tuple(parameter.shape))))
    x_TD = torch.randn(batch * sequence, dim, generator=stream(0, "x"))
    id_T = torch.randint(20, (batch * sequence,), generator=stream(0, "ids"))
    position_T = torch.arange(sequence).repeat(batch)
    found = {}
    for backend in BACKENDS:
        layer.backend = backend
        layer.zero_grad()
        y_TD, _ = layer(x_TD, id_T, position_T, sequence, draws=Draws(stream(0, "drops")))
        y_TD.square().sum().backward()
        found[backend] = [y_TD, *(p.grad for p in layer.parameters() if p.grad is not None)]
    for backend in found:
        for our, their in zip(found[backend], found["reference"], strict=True):
            scale = float(their.detach().abs().max()) + 1
            torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-5 * scale)


def test_under_autocast_a_backend_works_in_its_precision() -> None:
    draw = torch.Generator().manual_seed(2)
    routing = from_token_choice(
        torch.rand(20, 4, generator=draw).topk(2).indices, torch.rand(20, 2), 4
    )
    x_TD, weights = tokens(routing, torch.float32), weights_of(4, "swiglu", torch.float32)
    half = reference(x_TD.bfloat16(), routing, weights.to(torch.bfloat16))
    for backend in BACKENDS:
        with torch.autocast("cpu", torch.bfloat16):
            y_TD = dispatch(x_TD, routing, weights, backend)
        assert y_TD.dtype == torch.bfloat16
        torch.testing.assert_close(y_TD, half, rtol=3e-2, atol=3e-2 * float(half.abs().max()))
