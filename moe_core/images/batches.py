"""Stored images to training batches."""

from functools import lru_cache

import torch
from torch import Tensor

from moe_core.random_streams import stream


def batch_indices(examples: int, batch_size: int, seed: int, step: int) -> Tensor:
    """index_B of the images of a step: epochs without replacement, one after the other.

    A batch that an epoch cannot fill goes on with the next. A function of (seed, step) alone:
    resuming at a step needs no state.
    """
    first = step * batch_size
    epochs = range(first // examples, (first + batch_size - 1) // examples + 1)
    index = torch.cat([_epoch(examples, seed, epoch) for epoch in epochs])
    return index[first - epochs[0] * examples :][:batch_size]


@lru_cache(maxsize=2)
def _epoch(examples: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(examples, generator=stream(seed, "image order", epoch))


def augment(image_BCHW: Tensor, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Each image moved by up to ``shift`` pixels either way, zeros moving in, and, if ``flip``,
    mirrored left to right with probability 1/2.

    uint8, on the images' device; the generator is of the CPU. For CIFAR shift is 4 (pad and crop;
    arXiv 1512.03385, section 4.2).
    """
    B, C, H, W = image_BCHW.shape
    device = image_BCHW.device
    top_B, left_B = torch.randint(2 * shift + 1, (2, B), generator=generator)
    mirrored_B = torch.rand(B, generator=generator) < 0.5 * flip
    column_BW = torch.where(mirrored_B[:, None], torch.arange(W - 1, -1, -1), torch.arange(W))
    row_BH, column_BW = top_B[:, None] + torch.arange(H), left_B[:, None] + column_BW
    padded_BCHW = torch.nn.functional.pad(image_BCHW, (shift, shift, shift, shift))
    place_BHW = row_BH[:, :, None] * (W + 2 * shift) + column_BW[:, None, :]
    place_BCP = place_BHW.view(B, 1, H * W).expand(B, C, -1).to(device)
    return padded_BCHW.flatten(2).gather(2, place_BCP).view(B, C, H, W)
