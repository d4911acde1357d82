"""Audits of one trained image model. A batch of images is one routing group."""

from collections.abc import Iterator

from torch import Tensor

from moe_core.audits.audit import GRADIENTS, MODES, AuditRow, audit_row, findings
from moe_core.audits.finding import Finding, of_verdicts
from moe_core.audits.gradient import reaches, task_loss
from moe_core.audits.invariances import BETWEEN_SEQUENCES, WIDE, invariance
from moe_core.audits.routers import exact
from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig
from moe_core.routing import registry
from moe_core.vision.checks import SOFT_MOE
from moe_core.vision.model import ImageModel
from moe_core.vision.soft_moe import SoftMoE


def audit_images(model: ImageModel, cell: str, image_NCHW: Tensor) -> list[AuditRow]:
    """Audit a model on N images as training would see them, as trained and with skewed routers.

    Neighbours, batch of one, order, gradients, conservation; an image has no later tokens. Soft
    MoE has one rule, no router to skew and no choice to conserve. Raises StudyError for a model
    without experts to choose or mix.
    """
    images, moe = image_NCHW.double(), model.routing
    if isinstance(model.net, SoftMoE):
        soft = soft_findings(model, images)
        return [audit_row(cell, SOFT_MOE, *found, declared=True) for found in soft]
    if moe is None:
        raise StudyError("audits", f"{cell} is dense", "only models with routing are audited")
    return [
        audit_row(
            cell, moe.strategy, name, router, mode, found, declared_of_images(name, mode, moe)
        )
        for name, router, mode, found in findings(exact(model), images, BETWEEN_SEQUENCES)
    ]


def declared_of_images(audit: str, mode: str, moe: MoEConfig) -> bool:
    """Whether a strategy should pass an audit, by its declaration and the drop policy.

    In training an image depends on its neighbours where the rule ranks or balances the batch, and
    where they can fill the slots that it asks for. By the rule of a decoder it never does.
    """
    strategy = registry.load(moe.strategy)
    if audit in strategy.fails:
        return False
    if mode == "decode" or audit in GRADIENTS:
        return True
    if audit not in BETWEEN_SEQUENCES:
        return moe.drop_policy != "random" or strategy.steers_k or strategy.fills_capacity
    limited = moe.drop_policy != "none" and not strategy.steers_k
    return strategy.group == "token" and not limited


def soft_findings(model: ImageModel, image_NCHW: Tensor) -> Iterator[tuple[str, str, str, Finding]]:
    """Audit, router, mode and what was found. What routes are the slots and their scale."""
    trained = exact(model)
    assert isinstance(trained.net, SoftMoE)
    loss, _ = task_loss(trained, image_NCHW[:WIDE])
    reached = reaches(loss, [trained.net.slot_EPD, trained.net.scale])
    yield "gradient", "trained", "train", of_verdicts(reached)
    for rule, mode in MODES.items():
        for name in BETWEEN_SEQUENCES:
            yield name, "trained", rule, invariance(name, trained, mode, image_NCHW)
