"""Planted defects: each is found by the audit it is meant for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import moe_core.model.experts
import moe_core.model.moe_layer
import moe_core.training.loop
from moe_core.audits.audit import SEQUENCE, audit
from moe_core.audits.finding import TOLERANCE
from moe_core.audits.invariances import BETWEEN_SEQUENCES, invariance
from moe_core.audits.routers import exact
from moe_core.dispatch.dispatch import dispatch
from moe_core.model.moe_layer import CAUSAL, TRAINING
from moe_core.model.transformer import Transformer
from moe_core.routing.balance import switch_loss
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing
from moe_core.routing.scores import MlpRouter
from moe_core.routing.strategies import noisy_topk, softk, top1
from moe_core.routing.strategy import RouteContext, Rule
from tests.audits.conftest import breaches, ruled, sequences, trained

Defect = Callable[[pytest.MonkeyPatch], Transformer]


def one_in(number: int, logits_TE: Tensor) -> Tensor:
    """One token in so many, by its content."""
    return (logits_TE.sum(-1, keepdim=True) * 1e6).floor() % number == 0


def next_token_read(logits_TE: Tensor, context: RouteContext) -> Routing:
    """One token in 1,000 adds the next one's logits to its own."""
    last_T1 = (context.position_T == context.position_T.max()).unsqueeze(-1)
    reads_T1 = one_in(1000, logits_TE) & ~last_T1
    return softk.route(logits_TE + torch.where(reads_T1, logits_TE.roll(-1, 0), 0.0), context)


@pytest.mark.parametrize("mode", [TRAINING, CAUSAL], ids=["train", "decode"])
def test_a_leak_of_one_token_in_1000_is_found(mode: moe_core.model.moe_layer.Mode) -> None:
    token_id_NS = sequences(256, SEQUENCE)
    honest = exact(trained("softk"))
    assert invariance("suffix", honest, mode, token_id_NS).failures == 0
    _, steps = honest(token_id_NS, mode)
    assert 0 < one_in(1000, steps[0].logits_TE).double().mean() < 0.002
    found = invariance("suffix", ruled(honest, route=next_token_read), mode, token_id_NS)
    assert 0 < found.failures < 20
    assert found.max_change > 1e3 * TOLERANCE


def neighbour_read(logits_TE: Tensor, context: RouteContext) -> Routing:
    """One token in ten adds the logits at the same place of the sequence before."""
    seen_TE = logits_TE.roll(context.group_size, 0)
    return softk.route(logits_TE + torch.where(one_in(10, logits_TE), seen_TE, 0.0), context)


def centred(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Less the mean over what this pass reads: later tokens, and none of those in the cache."""
    z_GSE = logits_TE.unflatten(0, (-1, context.group_size))
    centred_GSE = z_GSE - z_GSE.mean(1, keepdim=True)
    return softk.route(centred_GSE.flatten(0, 1), context)


def test_every_sequence_is_a_trial_among_its_neighbours() -> None:
    def batch_read(logits_TE: Tensor, context: RouteContext) -> Routing:
        return softk.route(logits_TE - logits_TE.mean(0), context)

    model = ruled(exact(trained("softk")), route=batch_read)
    for name in BETWEEN_SEQUENCES[:2]:  # a mean does not see order
        found = invariance(name, model, TRAINING, sequences(16, 10))
        assert (found.failures, found.trials) == (16, 16)


def test_a_leak_under_overload_alone_is_found_by_the_skewed_routers() -> None:
    def overload_read(logits_TE: Tensor, context: RouteContext) -> Routing:
        overloaded = bool((logits_TE.argmax(-1).bincount() > 0.9 * len(logits_TE)).any())
        return centred(logits_TE, context) if overloaded else softk.route(logits_TE, context)

    rows = audit(ruled(trained("softk"), route=overload_read), "cell", sequences(16, 10))
    assert {row.router for row in rows if row.audit == "suffix" and not row.passed} == {"skewed"}
    assert {row.router for row in rows if row.audit == "suffix" and row.passed} == {"trained"}


def reweighted(change: Callable[[Tensor], Tensor], rule: Rule = softk.route) -> Rule:
    """A rule with other weights."""

    def route(logits_TE: Tensor, context: RouteContext) -> Routing:
        routing = rule(logits_TE, context)
        return replace(routing, weight_A=change(routing.weight_A))

    return route


def doubled(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Each token goes twice to its best expert."""
    routing = softk.route(logits_TE, context)
    best_A = routing.expert_A.view(-1, context.top_k)[:, :1].repeat(1, context.top_k)
    return replace(routing, expert_A=best_A.flatten())


def lost(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The fourth token of a sequence has one expert less."""
    routing = softk.route(logits_TE, context)
    second_A = torch.arange(len(routing.token_A)) % context.top_k == 1
    return routing.where(~(second_A & (context.position_T[routing.token_A] == 3)))


def lost_to_noise(logits_TE: Tensor, context: RouteContext) -> Routing:
    """A token without an expert, in training alone."""
    routing = softk.route(logits_TE, context)
    return routing if context.noise is None else routing.where(routing.token_A != 3)


def expert_major(logits_TE: Tensor, context: RouteContext) -> Routing:
    """Sorted by expert: slots still go to early tokens, but the order is not the promised one."""
    routing = softk.route(logits_TE, context)
    order_A = torch.sort(routing.expert_A, stable=True).indices
    return routing.where(order_A)


def favourite_by_name(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The expert called 0 is always a little better."""
    return softk.route(logits_TE + (torch.arange(context.num_experts) == 0), context)


def quiet_noise(logits_TE: Tensor, context: RouteContext) -> Routing:
    """The router of noise is cut off."""
    noise_TE = context.noise_logits_TE
    return noisy_topk.route(
        logits_TE, replace(context, noise_logits_TE=None if noise_TE is None else noise_TE.detach())
    )


def with_rule(route: Rule, strategy: str = "softk") -> Defect:
    return lambda _: ruled(trained(strategy), route=route)


def in_layer(name: str, function: Callable[..., object], strategy: str = "softk") -> Defect:
    """A function that the layer calls is another."""

    def plant(patch: pytest.MonkeyPatch) -> Transformer:
        model = trained(strategy)
        for module in (moe_core.model.moe_layer, moe_core.model.experts):
            if hasattr(module, name):
                patch.setattr(module, name, function)
        return model

    return plant


def balance_counts(patch: pytest.MonkeyPatch) -> Transformer:
    """D1: the balance loss is a function of counts."""
    model = trained("softk")
    patch.setattr(moe_core.training.loop, "switch_loss", lambda *a: switch_loss(*a).detach())
    return model


def balance_misses(patch: pytest.MonkeyPatch) -> Transformer:
    """Balance losses have a gradient, but not by way of the router that they alone train."""
    model = trained("topk_hard")

    def elsewhere(logits_TE: Tensor, *_: object) -> Tensor:
        return model.embedding.weight.mean()

    patch.setattr(moe_core.training.loop, "switch_loss", elsewhere)
    patch.setattr(moe_core.training.loop, "z_loss", elsewhere)
    return model


def balance_misses_a_part(patch: pytest.MonkeyPatch) -> Transformer:
    """The first matrix of a router that balance losses alone train is cut off."""
    model = trained("topk_hard", router="mlp")

    def logits(self: MlpRouter, x_TD: Tensor) -> Tensor:
        return x_TD @ self.hidden_DD.detach().T @ self.weight_ED.T

    patch.setattr(MlpRouter, "logits", logits)
    return model


def thawed(_: pytest.MonkeyPatch) -> Transformer:
    """The router that nothing should train learns."""
    model = trained("frozen_router")
    for layer in model.moe_layers():
        layer.routers.requires_grad_(True)
    return model


def frozen(_: pytest.MonkeyPatch) -> Transformer:
    """The router that the task should train asks for no gradient."""
    model = trained("softk")
    for layer in model.moe_layers():
        layer.routers.requires_grad_(False)
    return model


def one_slot_more(routing: Routing, capacity: int, *rest: object) -> Routing:
    return limit_capacity(routing, capacity + 1, *rest)  # type: ignore[arg-type]


def one_slot_less(routing: Routing, capacity: int, *rest: object) -> Routing:
    return limit_capacity(routing, capacity - 1, *rest)  # type: ignore[arg-type]


def removed(*arguments: object) -> Routing:
    """Capacity takes assignments away instead of marking them."""
    routing = limit_capacity(*arguments)  # type: ignore[arg-type]
    return routing.where(routing.kept_A)


def unweighted(x_TD: Tensor, routing: Routing, *rest: Any) -> Tensor:
    ones_A = torch.ones_like(routing.weight_A)
    return dispatch(x_TD, replace(routing, weight_A=ones_A), *rest)


def undropped(x_TD: Tensor, routing: Routing, *rest: Any) -> Tensor:
    return dispatch(x_TD, routing.with_kept(torch.ones_like(routing.kept_A)), *rest)


BOTH = ("train", "decode")
CONSERVATION = {("conservation", mode) for mode in BOTH}
DEFECTS: dict[str, tuple[Defect, set[tuple[str, str]]]] = {
    "neighbour": (with_rule(neighbour_read), {(a, m) for a in BETWEEN_SEQUENCES for m in BOTH}),
    "whole sequence": (
        with_rule(centred),
        {("suffix", "train"), ("suffix", "decode"), ("decoding", "decode")},
    ),
    "detached gate": (with_rule(reweighted(Tensor.detach)), {("gradient", "train")}),
    "gate of no gradient": (
        with_rule(reweighted(lambda w_A: w_A * 0 + 1, top1.route), "top1"),
        {("gradient", "train")},
    ),
    "noise cut off": (with_rule(quiet_noise, "noisy_topk"), {("gradient", "train")}),
    "task trains the hard router": (with_rule(softk.route, "topk_hard"), {("gradient", "train")}),
    "frozen router thawed": (thawed, {("gradient", "train")}),
    "router frozen": (
        frozen,
        {("gradient", "train"), ("balance_gradient", "train")},
    ),
    "balance of counts": (balance_counts, {("balance_gradient", "train")}),
    "balance misses the router": (balance_misses, {("balance_gradient", "train")}),
    "balance misses a part": (balance_misses_a_part, {("balance_gradient", "train")}),
    "doubled": (with_rule(doubled), CONSERVATION),
    "lost": (with_rule(lost), CONSERVATION),
    "lost to noise": (with_rule(lost_to_noise), {("conservation", "train")}),
    "expert-major": (with_rule(expert_major), CONSERVATION),
    "expert by name": (with_rule(favourite_by_name), CONSERVATION),
    "negative": (with_rule(reweighted(torch.neg)), CONSERVATION),
    "exploding gate": (
        with_rule(reweighted(lambda w_A: w_A + (w_A - w_A.detach()).abs().sqrt())),
        {("gradient", "train")},
    ),
    "zero": (
        with_rule(reweighted(lambda w_A: w_A * (w_A > 0.4))),
        CONSERVATION,
    ),
    "one slot more": (in_layer("limit_capacity", one_slot_more), {("conservation", "train")}),
    "one slot less": (in_layer("limit_capacity", one_slot_less), {("conservation", "train")}),
    "removed": (in_layer("limit_capacity", removed), {("conservation", "train")}),
    "weights lost": (in_layer("dispatch", unweighted), CONSERVATION | {("gradient", "train")}),
    "drops served": (in_layer("dispatch", undropped), {("conservation", "train")}),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found_by_its_audit(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, expected = DEFECTS[defect]
    model = plant(monkeypatch)
    for layer in model.moe_layers():
        layer.backend = "reference"  # faster ones rely on the order that a defect may break
    assert breaches(audit(model, "cell", sequences(16, 10))) == expected


def test_logits_that_are_not_numbers_fail() -> None:
    model = ruled(trained("softk"), route=reweighted(lambda w_A: w_A * float("nan")))
    found = breaches(audit(model, "cell", sequences(8, 8)))
    assert {("suffix", "train"), ("decoding", "decode"), ("conservation", "train")} <= found
