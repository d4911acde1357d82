"""Small trained models and short sequences for the audits."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from moe_core.audits.audit import AuditRow, audit
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build
from moe_core.routing.drop_policy import DropPolicy
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer
from tests.conftest import moe_of

V = 30
TEXT = np.random.default_rng(0).integers(0, V, 4000).astype(np.uint16)
TRAINING = TrainingConfig(
    batch_size=4,
    seq_len=16,
    steps=3,
    learning_rate=1e-2,
    warmup_steps=1,
    final_learning_rate_fraction=0.1,
    weight_decay=0.1,
    grad_clip=1.0,
    switch_coef=0.01,
    balance_sequences=None,
    z_coef=0.001,
    precision="fp32",
    compile=False,
    dispatch="auto",
    evaluate_every=3,
    valid_tokens=320,
    test_tokens=320,
    health=HealthConfig(
        max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
    ),
)


def trained(strategy: str, **moe: Any) -> Transformer:
    """After three steps, with slots for half of what balanced routing needs."""
    config = TransformerConfig(
        dim=16,
        layers=1,
        heads=2,
        ffn_hidden=16,
        activation="swiglu",
        tied_head=True,
        moe=moe_of(strategy, **{"capacity_factor": 0.5, "bias_rate": 0.1} | moe),
    )
    model = build(config, torch.arange(1, V + 1), seed=0)
    trainer = Trainer(model, TEXT, TRAINING, 0, "cpu")
    for step in range(TRAINING.steps):
        trainer.step(step)
    return model


def ruled(model: Transformer, **functions: Any) -> Transformer:
    """The model with other functions in the place of its strategy's own."""
    for layer in model.moe_layers():
        layer.strategy = replace(layer.strategy, **functions)
    return model


def sequences(trials: int, size: int) -> Tensor:
    """Random tokens, the same for the same shape."""
    return torch.randint(V, (trials, size), generator=torch.Generator().manual_seed(1))


def breaches(rows: list[AuditRow]) -> set[tuple[str, str]]:
    """Audit and mode of each row that failed though it was declared to pass."""
    return {(row.audit, row.mode) for row in rows if row.declared and not row.passed}


@cache
def audited(strategy: str, drop_policy: DropPolicy = "position") -> list[AuditRow]:
    """All audits of a small model of a strategy."""
    return audit(trained(strategy, drop_policy=drop_policy), "cell", sequences(16, 10))
