"""The classifier of a finished image run, as its folder describes it."""

from pathlib import Path

from moe_core.images.image_set import ImageSet
from moe_core.training.trained import load_weights
from moe_core.vision.config import ImageModelConfig, ImageShape
from moe_core.vision.model import ImageModel, build_image_model


def shape_of_images(images: ImageSet) -> ImageShape:
    """What a model must take and tell apart."""
    channels, size = images.splits["train"].image_NCHW.shape[1:3]
    return ImageShape(channels, size, len(images.classes))


def trained_image_model(folder: Path, config: ImageModelConfig, shape: ImageShape) -> ImageModel:
    """The model of a run with the weights of its folder, in evaluation mode. Raises StudyError."""
    model = build_image_model(config, shape, seed=0)  # initial weights are overwritten
    load_weights(model, folder / "weights.safetensors")
    return model.eval()
