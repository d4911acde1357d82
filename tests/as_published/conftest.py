from typing import Any

import numpy as np
import torch
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows, TokenCorpus, TokenSplit, evaluation_windows
from moe_core.corpus.builtin_stories import builtin_stories
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing
from moe_core.routing.slots import slots_per_expert
from moe_core.routing.strategy import RouteContext, Rule
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer
from tests.conftest import moe_of

E, K, BATCH, SEQUENCE = 8, 2, 32, 256  # of the original
WINDOW, WINDOWS = 64, 40  # of the tiny runs


def logits_of(seed: int, tokens: int = BATCH * SEQUENCE, skew: float = 0.0) -> Tensor:
    """Random logits; skew lifts the first expert for every token."""
    logits_TE = torch.randn(tokens, E, generator=torch.Generator().manual_seed(seed))
    return logits_TE + skew * (torch.arange(E) == 0)


def context_of(
    tokens: int, group_size: int, top_k: int = K, capacity_factor: float = 1.25
) -> RouteContext:
    """Random token ids in sequences as long as the original's."""
    return RouteContext(
        token_id_T=torch.randint(50, (tokens,), generator=torch.Generator().manual_seed(1)),
        position_T=torch.arange(tokens) % SEQUENCE,
        group_size=group_size,
        num_experts=E,
        top_k=top_k,
        capacity=slots_per_expert(capacity_factor, top_k, group_size, E),
    )


def over_batch(rule: Rule, logits_TE: Tensor, top_k: int = K, cf: float = 1.25) -> Routing:
    """A rule of the original, before slots are filled: one group, the batch."""
    return rule(logits_TE, context_of(len(logits_TE), len(logits_TE), top_k, cf))


def by_sequence(rule: Rule, logits_TE: Tensor, top_k: int = K, cf: float = 1.25) -> Routing:
    """A rule of ours, before slots are filled: a group a sequence."""
    return rule(logits_TE, context_of(len(logits_TE), SEQUENCE, top_k, cf))


def limited(routing: Routing, group_size: int, cf: float, top_k: int = K) -> Routing:
    """Slots filled in token-major order."""
    slots = slots_per_expert(cf, top_k, group_size, E)
    return limit_capacity(routing, slots, group_size, "position")


def split(seed: int, stories: int) -> TokenSplit:
    """Stories of the built-in source, a byte a token, with a leading separator 0."""
    texts = [story.encode() for story in builtin_stories(seed, stories)]
    tokens = np.frombuffer(b"".join(b"\0" + text for text in texts) + b"\0", np.uint8)
    sizes = np.array([*map(len, texts)])
    return TokenSplit(tokens, sizes + 1, sizes)


SPLITS = {"train": split(0, 60), "valid": split(1, 4), "test": split(2, 4)}
COUNTS = torch.from_numpy(np.bincount(SPLITS["train"].tokens, minlength=128))
CORPUS = TokenCorpus(SPLITS, COUNTS, dict.fromkeys(SPLITS, ""))


def windows_of(name: str) -> EvaluationWindows:
    """The first windows of a split."""
    return evaluation_windows(SPLITS[name], WINDOW, WINDOW * WINDOWS, name)


def transformer_config(strategy: str | None, **moe: Any) -> TransformerConfig:
    """A tiny model of 8 experts; None for a dense one."""
    return TransformerConfig(
        dim=16,
        layers=2,
        heads=2,
        ffn_hidden=16,
        activation="gelu",
        tied_head=True,
        moe=moe_of(strategy, **{"num_experts": E} | moe) if strategy else None,
    )


def model_of(strategy: str | None, seed: int = 0, **moe: Any) -> Transformer:
    """That model with its initial weights."""
    return build(transformer_config(strategy, **moe), COUNTS, seed)


def training_config(**changes: Any) -> TrainingConfig:
    """Twelve quick steps; keywords change them."""
    quick: dict[str, Any] = {
        "batch_size": 4,
        "seq_len": WINDOW,
        "steps": 12,
        "learning_rate": 1e-2,
        "warmup_steps": 3,
        "final_learning_rate_fraction": 0.1,
        "weight_decay": 0.1,
        "grad_clip": 1.0,
        "switch_coef": 0.01,
        "balance_sequences": None,
        "z_coef": 0.0,
        "precision": "fp32",
        "compile": False,
        "dispatch": "auto",
        "evaluate_every": 4,
        "valid_tokens": WINDOW * WINDOWS,
        "test_tokens": WINDOW * WINDOWS,
        "health": HealthConfig(
            max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
        ),
    }
    return TrainingConfig(**quick | changes)


def trainer_of(strategy: str | None, moe: dict[str, Any] | None = None, **training: Any) -> Trainer:
    """A trainer of a tiny model."""
    config = training_config(**training)
    return Trainer(model_of(strategy, **(moe or {})), SPLITS["train"].tokens, config, 0, "cpu")
