"""A run that is of no use ends, and says when and why."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from moe_core.training.config import HealthConfig
from moe_core.training.health import SickRun, check_health, is_out_of_memory, warnings
from moe_core.training.loop import Trainer, train

LIMITS = HealthConfig(
    max_loss_over_uniform=1.0, max_router_logsumexp=10.0, dead_expert_evaluations=2
)
V = 20


def row(step: int = 50, loss: float = 2.0, **measures: Any) -> dict[str, Any]:
    return {"step": step, "train_loss": loss, "loss": loss, "z_loss": 4.0, "dead_experts": 0.0} | (
        measures
    )


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([row()], None),
        ([row(loss=math.log(V) + 0.99)], None),
        ([row(loss=math.log(V) + 1.01)], "divergence"),
        ([row(loss=math.nan)], "divergence"),
        ([row(loss=2.0) | {"loss": math.inf}], "divergence"),
        ([row(z_loss=99.0)], None),
        ([row(z_loss=101.0)], "exploded router"),
        ([row(z_loss=math.nan)], "exploded router"),
        ([row(z_loss=None, dead_experts=None)], None),
        ([{"step": 50, "train_loss": 2.0, "loss": 2.0}], None),  # dense
        ([row(dead_experts=1.0)], None),
        ([row(dead_experts=1.0), row()], None),
        ([row(), row(dead_experts=1.0)], None),
        ([row(), row(dead_experts=1.0), row(dead_experts=0.5)], "dead expert"),
    ],
)
def test_what_is_sick(rows: list[dict[str, Any]], cause: str | None) -> None:
    if cause is None:
        check_health(rows, V, LIMITS)
        return
    with pytest.raises(SickRun) as caught:
        check_health(rows, V, LIMITS)
    assert (caught.value.cause, caught.value.step) == (cause, rows[-1]["step"])
    assert "\n" not in str(caught.value)


def test_a_collapse_is_told_where_it_does_not_end_the_run() -> None:
    forgiving = LIMITS.model_copy(update={"dead_expert_evaluations": None})
    rows = [row(dead_experts=1.0)] * 9
    check_health(rows, V, forgiving)
    assert warnings(rows) == ["dead experts: 1 a layer at the end"]
    assert warnings([row()]) == warnings([{"step": 1}]) == []


def test_a_rate_that_is_far_too_high_ends_as_divergence(
    trainer_of: Callable[..., Trainer], windows: Any
) -> None:
    trainer = trainer_of("softk", learning_rate=30.0, steps=40, grad_clip=0.0, evaluate_every=5)
    rows: list[dict[str, Any]] = []
    with pytest.raises(SickRun) as caught:
        train(trainer, windows, lambda row, rate: rows.append(row))
    assert caught.value.cause in ("divergence", "exploded router", "non-finite gradient")
    assert caught.value.step < 40
    assert all(row["step"] < caught.value.step for row in rows)  # none of a sick model


@pytest.mark.parametrize(
    "allocate", [lambda: torch.empty(1 << 50), lambda: np.ones(1 << 48), lambda: bytearray(1 << 60)]
)
def test_memory_that_runs_out_is_known_by_its_error(allocate: Callable[[], object]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        allocate()
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
