"""Experts that are small CNNs, each a classifier of whole images; a dense network is one expert."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.dispatch.kinds import Backend
from moe_core.dispatch.reference import combine, kept_by_expert
from moe_core.model.experts import Bank
from moe_core.routing.routing import Routing

Weights = list[Tensor]  # of one expert: kernel, scale and shift of each stage, then the head


class CnnExperts(Bank):
    """E CNNs, weights stacked: 3x3 convolution, norm, ReLU, max pool a stage; mean; linear.

    The norm is over one image (GroupNorm of one group, arXiv 1803.08494): statistics of a batch
    would let an image depend on its neighbours, and on which of them share its expert. Image sides
    are halved at each stage, odd ones rounded down.
    """

    def __init__(self, num_experts: int, channels: list[int], in_channels: int, out: int) -> None:
        super().__init__()
        self.kernel = nn.ParameterList(
            torch.empty(num_experts, wide, narrow, 3, 3)
            for narrow, wide in pairwise([in_channels, *channels])
        )
        self.scale = nn.ParameterList(torch.ones(num_experts, wide) for wide in channels)
        self.shift = nn.ParameterList(torch.zeros(num_experts, wide) for wide in channels)
        self.head_EVC = nn.Parameter(torch.empty(num_experts, out, channels[-1]))
        self.bias_EV = nn.Parameter(torch.zeros(num_experts, out))

    def multiply(self, x_TCHW: Tensor, routing: Routing, backend: Backend = "auto") -> Tensor:
        """logits_TV: ``W @ experts(x)``, each expert on the rows that kept it and on no other.

        An expert without rows is not run. There is one way, whatever the backend.
        """
        token_A, weight_A, counts = kept_by_expert(routing)
        rows = x_TCHW.index_select(0, token_A).split(counts)
        used = [e for e, count in enumerate(counts) if count] or [0]  # for a graph, if no row is
        experts = self.unstacked()
        y_AV = torch.cat([expert(rows[e], experts[e]) for e in used])
        return combine(y_AV, token_A, weight_A, routing.num_tokens)

    def each(self, x_TCHW: Tensor) -> Tensor:
        """y_ETV: every expert on every image."""
        return torch.stack([expert(x_TCHW, weights) for weights in self.unstacked()])

    def forward(self, x_TCHW: Tensor) -> Tensor:
        """logits_TV of the one expert of a dense network."""
        return expert(x_TCHW, self.unstacked()[0])

    def unstacked(self) -> list[Weights]:
        """The weights of each expert."""
        stages = zip(self.kernel, self.scale, self.shift, strict=True)
        stacked = [tensor for stage in stages for tensor in stage]
        # unbind, not indexing: experts that are not used get a gradient of zero all the same
        parts = [tensor.unbind() for tensor in (*stacked, self.head_EVC, self.bias_EV)]
        return [list(weights) for weights in zip(*parts, strict=True)]


def expert(x_TCHW: Tensor, weights: Weights) -> Tensor:
    """logits_TV of one CNN."""
    *stages, head_VC, bias_V = weights
    x_TCHW = x_TCHW.contiguous(memory_format=torch.channels_last)  # which a gather of rows undoes
    for i in range(0, len(stages), 3):
        kernel, scale, shift = stages[i : i + 3]
        x_TCHW = F.group_norm(F.conv2d(x_TCHW, kernel, padding=1), 1, scale, shift)
        x_TCHW = F.max_pool2d(x_TCHW.relu(), 2)
    return F.linear(x_TCHW.mean((2, 3)), head_VC, bias_V)
