"""Does a GPU train what the CPU trains, and does a run that goes on there repeat itself?

Each strategy, and each method of adaptation, is trained a few steps in fp32 on both, from the same
weights and batches; then once more on the GPU, from a state that was saved half-way.
"""

import argparse
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import adapters as methods  # before torch

# isort: split
import numpy as np
import torch
from outcome import publish

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.labels import LABELS
from moe_core.configuration import arm_top_k
from moe_core.model.config import TransformerConfig
from moe_core.model.language_model import LanguageModel
from moe_core.model.transformer import build
from moe_core.routing import registry
from moe_core.training.loop import Trainer
from moe_core.training.process import prepare_process

VOCABULARY, STEPS = 64, 16


def strategy_model(name: str) -> LanguageModel:
    """A small model that routes so; ``dense`` for none."""
    moe = None
    if name != "dense":
        declared = registry.declaration(name)
        changes = {"strategy": name, "top_k": arm_top_k(name, 2)}
        changes["bias_rate"] = 1e-3 if declared["balanced_by"] == "bias" else 0.0
        moe = methods.ROUTING.model_copy(update=changes)
    config = TransformerConfig(
        dim=64, layers=2, heads=2, ffn_hidden=96, activation="swiglu", tied_head=True, moe=moe
    )
    return build(config, torch.arange(1, VOCABULARY + 1), seed=0)


def adapted_model(method: str) -> LanguageModel:
    """The bench's model under one method."""
    base = methods.own_base(1, VOCABULARY)
    return AdaptedModel(base, methods.adapter(method, "own"), torch.ones(VOCABULARY), seed=0)


def trainer(model: LanguageModel, device: str) -> Trainer:
    """On a fixed stream of tokens."""
    given = argparse.Namespace(batch=8, sequence=64)
    config = methods.training(given, "fp32").model_copy(update={"learning_rate": 3e-3})
    tokens = np.random.default_rng(0).zipf(1.3, 20_000).clip(max=VOCABULARY) - 1
    return Trainer(model, tokens.astype(np.uint16), config, 0, device)


def compare(make: Callable[[], LanguageModel]) -> dict[str, float | bool]:
    """Losses on both devices, and whether the second half repeats from a saved state."""
    curves = {}
    for device in ("cpu", "cuda"):
        one, curve = trainer(make(), device), []
        for step in range(STEPS):
            curve.append(float(one.step(step)))
            if step == STEPS // 2 - 1:
                state = {name: t.clone() for name, t in one.tensors().items()}
        curves[device] = np.array(curve)
    other = trainer(make(), "cuda")
    other.restore(state)
    again = [float(other.step(step)) for step in range(STEPS // 2, STEPS)]
    apart = np.abs(curves["cpu"] - curves["cuda"])
    return {
        "first_loss_apart": float(apart[0]),
        "largest_apart": float(apart.max()),
        "last_loss": float(curves["cuda"][-1]),
        "resumed_apart": float(np.abs(curves["cuda"][STEPS // 2 :] - again).max()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    process = prepare_process("cuda", 4)
    names = [n for n in registry.names() if not n.startswith("as_published")]
    rows = {name: compare(lambda name=name: strategy_model(name)) for name in ["dense", *names]}
    rows |= {name: compare(lambda name=name: adapted_model(name)) for name in LABELS}
    result = {
        "settings": {"steps": STEPS, "batch": 8, "sequence": 64, "precision": "fp32"},
        "process": process.as_dict(),
        "python": platform.python_version(),
        "packages": {"torch": version("torch")},
        "losses": rows,
    }
    publish(result, given.out)


if __name__ == "__main__":
    main()
