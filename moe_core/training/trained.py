"""The model of a finished run, as its files describe it."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build


def trained_model(folder: Path, config: TransformerConfig, counts_V: Tensor) -> Transformer:
    """The model of a run with the weights of its folder, in evaluation mode."""
    model = build(config, counts_V, seed=0)  # initial weights are overwritten
    tensors = load_file(folder / "weights.safetensors")
    if config.tied_head:
        tensors["head.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors)
    return model.eval()
