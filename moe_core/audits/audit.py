"""All audits of one trained model, each beside what the strategy declares."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moe_core.audits.conservation import conservation
from moe_core.audits.finding import Finding
from moe_core.audits.gradient import balance_gradient, router_gradient
from moe_core.audits.invariances import BETWEEN_SEQUENCES, INVARIANCES, WIDE, invariance
from moe_core.audits.routers import exact, skewed
from moe_core.errors import StudyError
from moe_core.model.config import MoEConfig
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import CAUSAL, TRAINING
from moe_core.routing import registry
from moe_core.routing.drop_policy import CAUSAL_POLICIES
from moe_core.stats.intervals import wilson_interval

SEQUENCE = 20  # tokens of a trial
MODES = {"train": TRAINING, "decode": CAUSAL}
GRADIENTS = {"gradient": router_gradient, "balance_gradient": balance_gradient}


@dataclass(frozen=True)
class AuditRow:
    """One audit of one model.

    router: trained or skewed. mode: the rule of training at its capacity (train), or that of a
    decoder (decode). declared: should it pass? low, high: 95 % Wilson interval of the failure
    rate. max_change: the largest absolute change of a logit, or of a layer's output for
    conservation; nan where a trial has no size.
    """

    cell: str
    strategy: str
    audit: str
    router: str
    mode: str
    declared: bool
    failures: int
    trials: int
    low: float
    high: float
    max_change: float
    passed: bool


def audit(model: LanguageModel, cell: str, token_id_NS: Tensor) -> list[AuditRow]:
    """Audit a model with routers on N sequences, as trained and with skewed routers.

    Raises StudyError for a dense model.
    """
    moe = model.routing
    if moe is None:
        raise StudyError("audits", f"{cell} is dense", "only models with routing are audited")
    return [
        audit_row(cell, moe.strategy, name, router, mode, found, declared=declared(name, mode, moe))
        for name, router, mode, found in findings(exact(model), token_id_NS)
    ]


def audit_row(
    cell: str, strategy: str, name: str, router: str, mode: str, found: Finding, declared: bool
) -> AuditRow:
    """What was found, with how sure it is."""
    low, high = wilson_interval(found.failures, found.trials)
    return AuditRow(
        cell=cell,
        strategy=strategy,
        audit=name,
        router=router,
        mode=mode,
        declared=declared,
        failures=found.failures,
        trials=found.trials,
        low=low,
        high=high,
        max_change=found.max_change,
        passed=found.failures == 0,
    )


def findings(
    trained: LanguageModel, rows_N: Tensor, invariances: Iterable[str] = INVARIANCES
) -> Iterator[tuple[str, str, str, Finding]]:
    """Audit, router, mode and what was found, of a float64 model."""
    for name, gradient in GRADIENTS.items():
        found = gradient(trained, rows_N[:WIDE])
        if found is not None:
            yield name, "trained", "train", found
    twin = skewed(trained, rows_N[:WIDE])
    for router, model in (("trained", trained), ("skewed", twin)):
        if model is None:
            continue
        for rule, mode in MODES.items():
            for name in invariances:
                if name != "decoding" or rule == "decode":
                    yield name, router, rule, invariance(name, model, mode, rows_N)
            yield "conservation", router, rule, conservation(model, mode, rows_N)


def declared(audit: str, mode: str, moe: MoEConfig) -> bool:
    """Whether a strategy should pass an audit, by its declaration and the drop policy.

    By the rule of a decoder it should pass all but those it ``fails`` openly.
    """
    strategy = registry.load(moe.strategy)
    policy = "position" if strategy.fills_capacity else moe.drop_policy
    if audit in strategy.fails:
        return False
    if mode == "decode" or audit in GRADIENTS:
        return True
    if policy == "random":  # draws go by the place of an assignment, which all else can move
        return False
    if audit == "suffix":
        return strategy.causal and policy in CAUSAL_POLICIES
    return audit not in BETWEEN_SEQUENCES or strategy.group != "batch"


def trial_sequences(tokens: np.ndarray, trials: int) -> Tensor:
    """token_id_NS of N = trials short sequences, spread evenly over a split.

    None starts with the same token twice: attention over equal tokens gives both the same vector,
    and rounding would decide which of them an expert takes. Raises StudyError if the split has no
    such sequence.
    """
    last = len(tokens) - SEQUENCE
    fit = np.flatnonzero(tokens[: last + 1] != tokens[1 : last + 2]) if last >= 0 else np.empty(0)
    if not fit.size:
        raise StudyError(
            "corpus",
            f"the test split has {len(tokens)} tokens and no sequence of {SEQUENCE} to audit with",
            "give more stories or raise corpus.test_fraction",
        )
    starts = fit[np.linspace(0, fit.size - 1, trials).astype(np.int64)]
    places_NS = starts[:, None] + np.arange(SEQUENCE)
    return torch.from_numpy(tokens[places_NS].astype(np.int64))
