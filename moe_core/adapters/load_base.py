"""Models to adapt, from their files."""

from pathlib import Path
from typing import Any

from torch import Tensor

from moe_core.adapters.base import HubBase, OwnBase
from moe_core.errors import StudyError
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer
from moe_core.training.trained import load_weights


def trained_base(config: TransformerConfig, weights: Path, counts_V: Tensor) -> OwnBase:
    """A model of the bench as its training left it."""
    model = Transformer(config, counts_V)
    load_weights(model, weights)
    return OwnBase(model)


def hub_base(name: str, revision: str | None, trained: bool) -> HubBase:
    """A model of transformers by hub name or path; in fp32 if it is trained, else as it is stored.

    Raises StudyError if it cannot be had, or has no mixture of experts.
    """
    from transformers import AutoModelForCausalLM

    key = "experiments.perft.hub.name"
    try:
        dtype = "float32" if trained else "auto"
        model: Any = AutoModelForCausalLM.from_pretrained(name, revision=revision, dtype=dtype)
    except (OSError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise StudyError(key, f"{name!r} cannot be loaded: {why}") from None
    base = HubBase(model)
    if not base.moe_layers():
        raise StudyError(key, f"{name!r} has no mixture of experts to adapt", "name another")
    return base
