from collections.abc import Callable

import pytest
import torch

from moe_core.training.config import TrainingConfig
from tests.adapters.conftest import config_for, own_base
from tests.training.conftest import COUNTS, TRAIN

pytest.importorskip("peft")

from benchmarks.lora_against_peft import pair


def test_lora_learns_as_with_peft(config_of: Callable[..., TrainingConfig]) -> None:
    lora, config = config_for("lora", "own", r=4), config_of(steps=20)
    ours, theirs = pair(own_base().model, COUNTS, lora, TRAIN.tokens, config, 3)
    losses = torch.tensor([(ours.step(i), theirs.step(i)) for i in range(20)])
    assert losses[0, 0] - losses[-1, 0] > 0.1  # they learn
    assert (losses[:, 0] - losses[:, 1]).abs().max() < 1e-5
