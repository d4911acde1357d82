"""Soft MoE (arXiv 2308.00951): slots are mixtures of the patches of one image, never of images."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.routing.slots import slots_per_expert
from moe_core.vision.config import ImageShape
from moe_core.vision.experts import CnnExperts, expert


class SoftMoE(nn.Module):
    """image_BCHW to logits_BV: every expert works on P slots, patch-shaped.

    M patches of D values, each with a learned position added to it, are X; E x P slots have the
    parameters Phi. Logits are ``X Phi``, X and Phi at unit norm and scaled by one learned factor
    (section 2.3); the input of a slot is the mean of patches by softmax over patches, the output of
    a patch the mean of slots by softmax over slots (eq. 1 to 3). The logits of the image are the
    mean over its patches.
    """

    def __init__(
        self, experts: CnnExperts, patch: int, shape: ImageShape, capacity_factor: float
    ) -> None:
        super().__init__()
        self.experts, self.patch = experts, patch
        num_experts, patches = len(experts.head_EVC), (shape.size // patch) ** 2
        slots = slots_per_expert(capacity_factor, 1, patches, num_experts)
        dim = shape.channels * patch**2
        self.position_MD = nn.Parameter(torch.zeros(patches, dim))
        self.slot_EPD = nn.Parameter(torch.empty(num_experts, slots, dim))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        x_BMD = F.unfold(image_BCHW, self.patch, stride=self.patch).transpose(1, 2)
        x_BMD = x_BMD + self.position_MD
        logits_BMS = self.slot_logits(x_BMD)
        slot_BSD = logits_BMS.softmax(1).transpose(1, 2) @ x_BMD
        # the mean over patches, taken before the product with the slots' outputs: the same sum
        combine_B1S = logits_BMS.softmax(2).mean(1, keepdim=True)
        return (combine_B1S @ self.slot_outputs(slot_BSD, image_BCHW.shape[1])).squeeze(1)

    def slot_logits(self, x_BMD: Tensor) -> Tensor:
        """logits_BMS of patches and slots, those of expert 0 first."""
        slot_SD = self.slot_EPD.flatten(0, 1)
        return F.normalize(x_BMD, dim=-1) @ (self.scale * F.normalize(slot_SD, dim=-1)).T

    def slot_outputs(self, slot_BSD: Tensor, channels: int) -> Tensor:
        """y_BSV: each expert on its own slots of all images."""
        num_experts, slots, _ = self.slot_EPD.shape
        x = slot_BSD.unflatten(1, (num_experts, slots))
        x = x.unflatten(-1, (channels, self.patch, self.patch))  # (B, E, P, C, patch, patch)
        outputs = [
            expert(x[:, e].flatten(0, 1), weights).unflatten(0, (-1, slots))
            for e, weights in enumerate(self.experts.unstacked())
        ]
        return torch.cat(outputs, 1)
