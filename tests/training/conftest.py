from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from moe_core.corpus.batches import EvaluationWindows, TokenSplit, evaluation_windows
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer
from tests.conftest import moe_of

WORDS = ["the fox ", "a hare ", "ran home. ", "saw the sea. ", "was happy. ", "and ", "then "]
ALPHABET = sorted({*"".join(WORDS)})
VOCABULARY = len(ALPHABET) + 1  # 0 is the separator


def corpus(seed: int, stories: int) -> TokenSplit:
    """Stories of a few words as character tokens, with a leading separator."""
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in range(stories)]
    ids = [[ALPHABET.index(c) + 1 for c in text] + [0] for text in texts]
    tokens = np.array([0, *(i for story in ids for i in story)], dtype=np.uint16)
    return TokenSplit(tokens, np.array([*map(len, ids)]), np.array([*map(len, texts)]))


TRAIN, VALID = corpus(0, 200), corpus(2, 40)
COUNTS = torch.bincount(torch.from_numpy(TRAIN.tokens.astype(np.int64)), minlength=VOCABULARY)


@pytest.fixture
def windows() -> EvaluationWindows:
    """10 windows: no multiple of the batch sizes used."""
    return evaluation_windows(VALID, 32, 10 * 32, "valid")


@pytest.fixture
def model_of() -> Callable[..., Transformer]:
    """A tiny model; ``None`` for dense, keywords for the MoE configuration."""

    def make(strategy: str | None, seed: int = 0, **moe: Any) -> Transformer:
        config = TransformerConfig(
            dim=16,
            layers=2,
            heads=2,
            ffn_hidden=16,
            activation="swiglu",
            tied_head=True,
            moe=moe_of(strategy, **{"capacity_factor": 1.25} | moe) if strategy else None,
        )
        return build(config, COUNTS, seed)

    return make


@pytest.fixture
def config_of() -> Callable[..., TrainingConfig]:
    """Twelve quick steps; keywords change them."""

    def make(**changes: Any) -> TrainingConfig:
        defaults: dict[str, Any] = {
            "batch_size": 4,
            "seq_len": 32,
            "steps": 12,
            "learning_rate": 1e-2,
            "warmup_steps": 3,
            "final_learning_rate_fraction": 0.1,
            "weight_decay": 0.1,
            "grad_clip": 1.0,
            "switch_coef": 0.01,
            "balance_sequences": None,
            "z_coef": 0.001,
            "precision": "fp32",
            "compile": False,
            "dispatch": "auto",
            "evaluate_every": 5,
            "valid_tokens": 320,
            "test_tokens": 320,
            "health": HealthConfig(
                max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
            ),
        }
        return TrainingConfig(**defaults | changes)

    return make


@pytest.fixture
def trainer_of(
    model_of: Callable[..., Transformer], config_of: Callable[..., TrainingConfig]
) -> Callable[..., Trainer]:
    """A trainer of a tiny model; ``moe`` goes to the model, other keywords to the training."""

    def make(
        strategy: str | None,
        seed: int = 0,
        moe: dict[str, Any] | None = None,
        micro_batches: int = 1,
        **changes: Any,
    ) -> Trainer:
        model = model_of(strategy, seed, **(moe or {}))
        return Trainer(model, TRAIN.tokens, config_of(**changes), seed, "cpu", micro_batches)

    return make
