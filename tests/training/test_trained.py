"""A model comes back from the files of its run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from moe_core.corpus.batches import EvaluationWindows
from moe_core.model.moe_layer import CAUSAL
from moe_core.training.loop import Trainer
from moe_core.training.trained import trained_model
from tests.training.conftest import COUNTS


@pytest.mark.parametrize("strategy", [None, "hash", "expert_choice", "loss_free", "coe"])
def test_a_model_comes_back_with_its_state_and_its_table(
    trainer_of: Callable[..., Trainer],
    windows: EvaluationWindows,
    tmp_path: Path,
    strategy: str | None,
) -> None:
    trainer = trainer_of(strategy, moe={"bias_rate": 0.1} if strategy else None)
    for step in range(3):
        trainer.step(step)
    tensors = dict(trainer.model.state_dict())
    del tensors["head.weight"]  # the same tensor as the embedding
    save_file(tensors, tmp_path / "weights.safetensors")
    again = trained_model(tmp_path, trainer.model.config, torch.ones_like(COUNTS))
    assert not again.training
    logits, expected = (
        model(windows.inputs_NS, CAUSAL)[0] for model in (again, trainer.model.eval())
    )
    assert torch.equal(logits, expected)
    assert again.state_dict().keys() == trainer.model.state_dict().keys()
