"""What the router of an image model decides on a split, each image by itself."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from moe_core.images.image_set import ImageSet, ImageSplit
from moe_core.model.moe_layer import CAUSAL
from moe_core.training.trained import stored_weights, take_weights
from moe_core.vision.config import CnnConfig, ImageShape, ResNetConfig
from moe_core.vision.gate import GatingCnn
from moe_core.vision.model import ImageModel, build_image_model
from moe_core.vision.training import NO_EXPERT

BATCH = 256


def trained_image_model(
    folder: Path, config: CnnConfig | ResNetConfig, shape: ImageShape
) -> ImageModel:
    """The model of a run with the weights of its folder, in evaluation mode. Raises StudyError."""
    model = build_image_model(config, shape, seed=0)  # initial weights are overwritten
    path = folder / "weights.safetensors"
    take_weights(model, stored_weights(path), path)
    return model.eval()


@dataclass(frozen=True)
class RoutedImages:
    """Assignments of positive weight, by image and by falling weight: rank 0 is the first choice.

    x_ND: what the gate makes of each of the N images before the router network reads it.
    """

    image_A: NDArray[np.int32]
    expert_A: NDArray[np.int16]
    rank_A: NDArray[np.int16]
    weight_A: NDArray[np.float32]
    x_ND: NDArray[np.float32]

    def first_N(self) -> NDArray[np.int64]:
        """First choice of each image, NO_EXPERT where no expert took it."""
        first_N = np.full(len(self.x_ND), NO_EXPERT)
        leads_A = self.rank_A == 0
        first_N[self.image_A[leads_A]] = self.expert_A[leads_A]
        return first_N


@torch.no_grad()
def route_images(model: ImageModel, images: ImageSet, split: ImageSplit) -> RoutedImages:
    """Route a split by the rule for an image alone, which depends on no batch."""
    model.eval()
    (layer,) = model.moe_layers()
    gate = layer.routers[0]
    assert isinstance(gate, GatingCnn)
    parts, features = [], []
    for start in range(0, len(split), BATCH):
        batch = images.normalise(split.image_NCHW[start : start + BATCH])
        features.append(gate.features(batch))
        routing = model(batch, CAUSAL)[1][0].routing
        taken = routing.where(routing.weight_A > 0)
        parts.append((taken.token_A + start, taken.expert_A, taken.weight_A.double()))
    image_A, expert_A, weight_A = (torch.cat(of).numpy() for of in zip(*parts, strict=True))
    order_A = np.lexsort((expert_A, -weight_A, image_A))
    image_A = image_A[order_A]
    return RoutedImages(
        image_A.astype(np.int32),
        expert_A[order_A].astype(np.int16),
        (np.arange(len(image_A)) - np.searchsorted(image_A, image_A)).astype(np.int16),
        weight_A[order_A].astype(np.float32),
        torch.cat(features).numpy(),
    )


def nearest_images(
    x_ND: NDArray[np.float32], first_N: NDArray[np.int64], expert: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k images nearest to the mean of those that choose an expert first, and how near they are.

    Euclidean distance of gate features, over all images; fewer where there are fewer. Empty for
    an expert that none chooses.
    """
    own_N = first_N == expert
    if not own_N.any():
        return np.empty(0, np.int64), np.empty(0)
    x = x_ND.astype(np.float64)
    distance_N = np.linalg.norm(x - x[own_N].mean(0), axis=1)
    nearest = np.argsort(distance_N, kind="stable")[:k]
    return nearest, distance_N[nearest]
