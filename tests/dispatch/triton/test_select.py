"""Selection against float64: choices, weights, loss terms and gradients, whatever stands in a row.

A weight is bounded in units of its last place (ulp, of fp32): 4, and 2 more for each unit that its
logit is away from the softmax's largest (from 0 for a sigmoid), which is what rounding their
difference costs.
"""

from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moe_core.dispatch.triton.rules import GATES, RULES
from moe_core.dispatch.triton.select import Gate, select, select_with_terms
from moe_core.routing import registry
from moe_core.routing.balance import switch_loss, z_loss
from moe_core.routing.routing import from_token_choice
from moe_core.routing.strategy import RouteContext
from tests.dispatch.triton.conftest import DEVICE, examples

ULP = 2.0**-23
SMALLEST = 2.0**-126  # below it fp32 loses digits
INF, NAN = float("inf"), float("nan")
Kind = Literal["normal", "wide", "ties", "popular", "broken"]


@dataclass(frozen=True)
class Case:
    """A call of the kernel. scope: divides the number of tokens."""

    logits_TE: Tensor
    gate: Gate
    top_k: int
    scope: int
    bias_E: Tensor | None


@st.composite
def cases(draw: st.DrawFn, kinds: tuple[Kind, ...], biased: bool) -> Case:
    scope, groups = draw(st.sampled_from([(1, 1), (5, 2), (16, 1), (17, 2), (33, 1)]))
    experts = draw(st.integers(1, 70))
    kind = draw(st.sampled_from(kinds))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    z_TE = torch.randn(scope * groups, experts, generator=generator)
    if kind == "wide":
        z_TE *= 20
    elif kind == "ties":
        z_TE = z_TE.round() * 0.0 if draw(st.booleans()) else z_TE.round()  # with -0.0
    elif kind == "popular":
        z_TE[:, draw(st.integers(0, experts - 1))] += 30
    elif kind == "broken":
        odd = torch.tensor([NAN, INF, -INF])[torch.randint(3, z_TE.shape, generator=generator)]
        z_TE = torch.where(torch.rand(z_TE.shape, generator=generator) < 0.1, odd, z_TE)
        z_TE[0] = draw(st.sampled_from([NAN, INF, -INF]))
    bias_E = 0.1 * torch.randn(experts, generator=generator) if biased else None
    return Case(
        z_TE.to(draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))).to(DEVICE),
        draw(st.sampled_from(["chosen", "all", "sigmoid"])),
        draw(st.integers(1, min(8, experts))),
        scope,
        None if bias_E is None else bias_E.to(DEVICE),
    )


def weights64(case: Case, z_TE: Tensor, expert_TK: Tensor) -> Tensor:
    """By definition, of float64 logits."""
    if case.gate == "all":
        return z_TE.softmax(-1).gather(1, expert_TK)
    chosen_TK = z_TE.gather(1, expert_TK)
    return chosen_TK.softmax(-1) if case.gate == "chosen" else chosen_TK.sigmoid()


def losses64(z_TE: Tensor, expert_TK: Tensor, scope: int) -> tuple[Tensor, Tensor]:
    """Switch loss and z-loss by definition, of float64 logits."""
    losses = []
    for z_SE, expert_SK in zip(z_TE.split(scope), expert_TK.split(scope), strict=True):
        share_E = expert_SK.flatten().bincount(minlength=z_TE.shape[1]) / expert_SK.numel()
        losses.append(z_TE.shape[1] * (share_E * z_SE.softmax(-1).mean(0)).sum())
    return torch.stack(losses).mean(), z_TE.logsumexp(-1).square().mean()


def allowed_error(case: Case, weight_TK: Tensor, expert_TK: Tensor) -> Tensor:
    """The bound of this file's first lines, for float64 weights."""
    z_TE = case.logits_TE.double()
    chosen_TK = z_TE.gather(1, expert_TK)
    largest = {
        "all": z_TE.amax(1, keepdim=True),
        "chosen": chosen_TK.amax(1, keepdim=True),
        "sigmoid": 0.0,
    }[case.gate]
    distance_TK = (chosen_TK - largest).abs()
    return (4 + 2 * distance_TK) * ULP * weight_TK.clamp(min=SMALLEST)


@examples(60)
@given(case=cases(("normal", "wide", "ties", "popular", "broken"), biased=False))
def test_the_choice_is_that_of_a_stable_sort(case: Case) -> None:
    """Ties to the lowest expert, NaN first; no bound of rounding, whatever the logits are in."""
    expert_TK, weight_TK = select(case.logits_TE, case.gate, case.top_k)
    order_TE = case.logits_TE.sort(dim=-1, descending=True, stable=True).indices
    assert torch.equal(expert_TK, order_TE[:, : case.top_k])
    expected_TK = weights64(case, case.logits_TE.double(), expert_TK)
    assert weight_TK.dtype == torch.float32
    finite_T = case.logits_TE.isfinite().all(1)
    error_TK = (weight_TK - expected_TK).abs()[finite_T]
    assert (error_TK <= allowed_error(case, expected_TK, expert_TK)[finite_T]).all()
    # as torch has it where a row is not finite: the same weights are NaN
    torch.testing.assert_close(
        weight_TK[~finite_T].double(), expected_TK[~finite_T], rtol=1e-5, atol=0, equal_nan=True
    )


@examples(40)
@given(case=cases(("normal", "popular"), biased=True))
def test_a_bias_moves_the_choice_alone(case: Case) -> None:
    """The K largest score + bias in float64, but for those that fp32 cannot tell apart."""
    expert_TK, weight_TK = select(case.logits_TE, case.gate, case.top_k, case.bias_E)
    z_TE = case.logits_TE.double()
    score_TE = z_TE.sigmoid() if case.gate == "sigmoid" else z_TE.softmax(-1)
    wanted_TE = score_TE + case.bias_E
    best_TK = wanted_TE.topk(case.top_k).values
    torch.testing.assert_close(wanted_TE.gather(1, expert_TK), best_TK, rtol=0, atol=8 * ULP)
    assert all(len(set(row)) == case.top_k for row in expert_TK.tolist())
    expected_TK = weights64(case, z_TE, expert_TK)
    error_TK = (weight_TK - expected_TK).abs()
    assert (error_TK <= allowed_error(case, expected_TK, expert_TK)).all()


def test_equal_biased_scores_go_to_the_lowest_expert() -> None:
    """Sigmoids that are 1 in fp32, and a bias of which two are alike."""
    logits_TE = torch.tensor([[40.0, 60.0, 50.0, -9.0]], device=DEVICE)
    bias_E = torch.tensor([0.0, 0.0, 0.25, 0.0], device=DEVICE)
    expert_TK, _ = select(logits_TE, "sigmoid", 3, bias_E)
    assert expert_TK.tolist() == [[2, 0, 1]]


@examples(30)
@given(case=cases(("normal", "popular"), biased=False), biased=st.booleans(), data=st.data())
def test_losses_and_gradients_are_those_of_float64(
    case: Case, biased: bool, data: st.DataObject
) -> None:
    """Each of the three outputs that has a gradient, and their sum."""
    bias_E = torch.linspace(-0.2, 0.2, case.logits_TE.shape[1], device=DEVICE) if biased else None
    logits_TE = case.logits_TE.requires_grad_()
    found = select_with_terms(logits_TE, case.gate, case.top_k, case.scope, bias_E)
    plain = select(logits_TE, case.gate, case.top_k, bias_E)
    assert torch.equal(found.expert_TK, plain[0])
    assert torch.equal(found.weight_TK, plain[1])

    z_TE = case.logits_TE.detach().double().requires_grad_()
    weight_TK = weights64(case, z_TE, found.expert_TK)
    switch, z = losses64(z_TE, found.expert_TK, case.scope)
    queue_A = torch.arange(len(z_TE), device=DEVICE).div(case.scope, rounding_mode="floor")
    queue_TK = queue_A.unsqueeze(1) * z_TE.shape[1] + found.expert_TK
    assert torch.equal(
        found.load_GE.flatten(), queue_TK.flatten().bincount(minlength=found.load_GE.numel())
    )
    torch.testing.assert_close(found.switch_loss().double(), switch, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.z_loss().double(), z, rtol=1e-6, atol=1e-12)

    draw = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    upstream_TK = torch.randn(weight_TK.shape, generator=draw).to(DEVICE)
    ours = [(found.weight_TK * upstream_TK).sum(), found.switch_loss(), found.z_loss()]
    theirs = [(weight_TK * upstream_TK).sum(), switch, z]
    rounding = {torch.float32: 1e-6, torch.bfloat16: 2**-7, torch.float16: 2**-10}  # one ulp
    for our, their in zip([*ours, sum(ours)], [*theirs, sum(theirs)], strict=True):
        (gradient_TE,) = torch.autograd.grad(our, logits_TE, retain_graph=True)
        (expected_TE,) = torch.autograd.grad(their, z_TE, retain_graph=True)
        assert gradient_TE.dtype == logits_TE.dtype
        tolerance = rounding[logits_TE.dtype]
        torch.testing.assert_close(
            gradient_TE.double(),
            expected_TE,
            rtol=tolerance,
            # a difference of terms of this size; fp16 ends at 2**-24
            atol=2e-7 * float(1 + expected_TE.abs().max()),
        )


@examples(25)
@given(case=cases(("broken",), biased=False))
def test_a_broken_row_reaches_no_other(case: Case) -> None:
    logits_TE = case.logits_TE.requires_grad_()
    sound_T = case.logits_TE.isfinite().all(1)
    found = select_with_terms(logits_TE, case.gate, case.top_k, case.scope)
    torch.testing.assert_close(
        found.logsumexp_T,
        case.logits_TE.float().logsumexp(-1),
        rtol=1e-6,
        atol=1e-6,
        equal_nan=True,
    )
    loss = found.weight_TK.sum() + found.switch_loss() + found.z_loss()
    (gradient_TE,) = torch.autograd.grad(loss, logits_TE)
    assert ((found.expert_TK >= 0) & (found.expert_TK < logits_TE.shape[1])).all()
    assert gradient_TE[sound_T].isfinite().all()
    # the task's part of the gradient is NaN where torch's is
    ours, theirs = (
        torch.autograd.grad(weight_TK.sum(), z_TE)[0]
        for z_TE in [case.logits_TE.detach().float().requires_grad_()]
        for weight_TK in [
            select(z_TE, case.gate, case.top_k)[1],
            weights64(case, z_TE, found.expert_TK),
        ]
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", sorted(GATES))
@pytest.mark.parametrize("biased", [False, True])
def test_a_rule_is_that_of_its_strategy(name: str, biased: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    logits_TE = torch.randn(24, 7, generator=draw).to(DEVICE)
    context = RouteContext(
        token_id_T=torch.zeros(24, dtype=torch.int64),
        position_T=torch.arange(24),
        group_size=8,
        num_experts=7,
        top_k=1 if name == "top1" else 3,
        capacity=3,
        state={"bias_E": torch.linspace(0.3, -0.3, 7, device=DEVICE)} if biased else {},
    )
    ours = RULES[name](logits_TE, context)
    theirs = registry.load(name).route(logits_TE, context)
    assert torch.equal(ours.expert_A, theirs.expert_A)
    assert torch.equal(ours.token_A, theirs.token_A)
    assert ours.per_token == theirs.per_token
    torch.testing.assert_close(ours.weight_A, theirs.weight_A, rtol=1e-6, atol=0)


def test_the_losses_are_those_of_the_bench() -> None:
    logits_TE = torch.randn(24, 7, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    found = select_with_terms(logits_TE, "all", 2, scope=8)
    routing = from_token_choice(found.expert_TK, found.weight_TK, 7)
    torch.testing.assert_close(found.switch_loss(), switch_loss(logits_TE, routing, 8))
    torch.testing.assert_close(found.z_loss(), z_loss(logits_TE))


def test_no_token_is_no_trouble() -> None:
    logits_TE = torch.zeros(0, 5, device=DEVICE, requires_grad=True)
    expert_TK, weight_TK = select(logits_TE, "chosen", 2)
    assert expert_TK.shape == weight_TK.shape == (0, 2)
    weight_TK.sum().backward()
    assert logits_TE.grad is not None
