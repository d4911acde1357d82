"""Audits of image models: honest ones pass what is declared, planted leaks are found."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from moe_core.audits.images import audit_images, declared_of_images
from moe_core.audits.invariances import BETWEEN_SEQUENCES
from moe_core.errors import StudyError
from moe_core.routing.routing import Routing
from moe_core.routing.strategies import softk
from moe_core.routing.strategy import RouteContext
from moe_core.vision.checks import image_strategies
from moe_core.vision.experts import CnnExperts
from moe_core.vision.model import ImageModel
from tests.audits.conftest import breaches, ruled
from tests.conftest import moe_of
from tests.vision.conftest import built, cnn, images

PER_IMAGE = {(audit, "decode") for audit in BETWEEN_SEQUENCES}


def warm(config: Any) -> ImageModel:
    """As after some training: no head of a gate is zero."""
    model = built(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "noise_router.head" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize("name", image_strategies())
def test_a_strategy_passes_what_it_declares(name: str) -> None:
    model = warm(cnn(name, capacity_factor=0.5, bias_rate=0.1))
    rows = audit_images(model, "cell", images(16))
    assert breaches(rows) == set()
    assert {(r.audit, r.mode) for r in rows} >= PER_IMAGE | {("conservation", "train")}
    assert {r.router for r in rows} == {"trained", "skewed"}
    assert all(r.declared for r in rows if r.mode == "decode")
    if model.moe_layers()[0].strategy.steers_k:
        return
    # slots, or the rule, bind the images of a batch in training: declared, and seen
    seen = [r for r in rows if r.mode == "train" and r.audit in BETWEEN_SEQUENCES]
    assert not any(r.declared for r in seen)
    assert any(not r.passed for r in seen if r.audit == "batch_of_one")


def test_without_slots_no_image_depends_on_its_batch() -> None:
    rows = audit_images(warm(cnn("top1", drop_policy="none")), "cell", images(16))
    assert all(r.declared and r.passed for r in rows)
    assert not declared_of_images("neighbours", "train", moe_of("sinkhorn", drop_policy="none"))


def neighbour_read(logits_TE: Tensor, context: RouteContext) -> Routing:
    return softk.route(logits_TE + logits_TE.roll(1, 0), context)


def test_a_gate_that_reads_the_image_before_is_found() -> None:
    model = ruled(warm(cnn("softk", drop_policy="none")), route=neighbour_read)
    found = breaches(audit_images(model, "cell", images(16)))
    assert found == {(audit, mode) for audit in BETWEEN_SEQUENCES for mode in ("train", "decode")}


def test_weights_that_are_lost_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = CnnExperts.multiply

    def unweighted(self: CnnExperts, x: Tensor, routing: Routing, *rest: Any) -> Tensor:
        weight_A = torch.ones_like(routing.weight_A)
        return honest(self, x, replace(routing, weight_A=weight_A), *rest)

    monkeypatch.setattr(CnnExperts, "multiply", unweighted)
    found = breaches(audit_images(warm(cnn("softk")), "cell", images(16)))
    assert found == {("conservation", "train"), ("conservation", "decode"), ("gradient", "train")}


def test_soft_moe_mixes_no_images_and_a_dense_model_is_refused() -> None:
    rows = audit_images(built(cnn("soft_moe", (4,), patch=4)), "cell", images(16))
    assert {(r.audit, r.mode) for r in rows} >= PER_IMAGE | {("gradient", "train")}
    assert all(r.passed and r.declared and r.strategy == "soft_moe" for r in rows)
    with pytest.raises(StudyError, match="audits: wide is dense"):
        audit_images(built(cnn(None)), "wide", images(2))
