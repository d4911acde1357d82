"""The gating CNN: what an image shows, at little cost, as logits over experts."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.routing.router_net import RouterNet
from moe_core.routing.scores import Router, build_router


class GatingCnn(Router):
    """Average pool 2, then strided 3x3 convolutions with norm and tanh, mean, router network.

    The side falls by two before the first convolution and at each, so that the gate costs little.
    An odd function keeps features of centred images centred: those of ReLU share a mean that is
    larger than what tells images apart, and a gate would start by sending all to one expert.
    channels: of the image, then of each stage; dim: of the last, which the router network reads.
    """

    def __init__(self, channels: list[int], net: RouterNet, dim: int, num_experts: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(1, wide),
                nn.Tanh(),
            )
            for narrow, wide in pairwise(channels)
        )
        self.head = build_router(net, dim, num_experts)

    def features(self, x_TCHW: Tensor) -> Tensor:
        """x_TD, what the router network reads of each image."""
        x_TCHW = F.avg_pool2d(x_TCHW, 2)
        for stage in self.stages:
            x_TCHW = stage(x_TCHW)
        return x_TCHW.mean((2, 3))

    def logits(self, x_TCHW: Tensor) -> Tensor:
        return self.head(self.features(x_TCHW))
