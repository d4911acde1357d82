"""Classes grouped into superclasses, from images that are labelled with both."""

import torch
from torch import Tensor

from moe_core.errors import StudyError


def superclass_of(fine_N: Tensor, coarse_N: Tensor, classes: list[str], where: str) -> list[int]:
    """Superclass of each class. Raises StudyError for a class in two, and for one without images.

    fine_N, coarse_N: int64, both labels of each image.
    """
    found = [-1] * len(classes)
    for fine, coarse in torch.unique(torch.stack([fine_N, coarse_N], 1), dim=0).tolist():
        if found[fine] >= 0:
            raise StudyError(where, f"images of class {classes[fine]!r} are of two superclasses")
        found[fine] = coarse
    if -1 in found:
        raise StudyError(
            where, f"class {classes[found.index(-1)]!r} has no image", "give images of every class"
        )
    return found
