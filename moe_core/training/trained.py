"""The model of a finished run, as its files describe it."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from moe_core.damaged import damaged
from moe_core.errors import StudyError
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import Transformer, build


def trained_model(folder: Path, config: TransformerConfig, counts_V: Tensor) -> Transformer:
    """The model of a run with the weights of its folder, in evaluation mode. Raises StudyError."""
    model = build(config, counts_V, seed=0)  # initial weights are overwritten
    load_weights(model, folder / "weights.safetensors")
    return model.eval()


def load_weights(model: Transformer, path: Path) -> None:
    """Take a run's weights over. Raises StudyError for a file that is damaged, or of another model.

    A tied head is stored once, as the embedding.
    """
    tensors = stored_weights(path)
    if model.config.tied_head and "embedding.weight" in tensors:
        tensors["head.weight"] = tensors["embedding.weight"]
    take_weights(model, tensors, path)


def stored_weights(path: Path) -> dict[str, Tensor]:
    """Weights by name. Raises StudyError for a file that is damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise damaged(path, error) from None


def take_weights(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put weights read from a path into a model. Raises StudyError for those of another."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()  # below "Error(s) in loading"
        raise StudyError(str(path), f"holds weights of another model: {first}") from None
