"""Adapters of one layer, stacked, so that dispatch takes them for experts."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.dispatch.weights import ExpertWeights
from moe_core.model.experts import Bank
from moe_core.random_streams import stream


class LoraBank(Bank):
    """N adapters ``D_j(x) = scaling * B_j A_j x`` (LoRA, arXiv 2106.09685, eq. 3).

    lora_A (N, r, D) and lora_B (N, O, r), O wide what they are added to; B is 0 at first.
    """

    def __init__(self, adapters: int, dim: int, out: int, r: int, scaling: float) -> None:
        super().__init__()
        self.scaling = scaling
        self.lora_A = nn.Parameter(torch.empty(adapters, r, dim))
        self.lora_B = nn.Parameter(torch.zeros(adapters, out, r))

    @torch.no_grad()
    def initialise(self, seed: int, name: str) -> None:
        """A from U(-1 / sqrt(D), 1 / sqrt(D)), as peft draws it; a stream for each name.

        Row i of A in the order (adapter, rank) depends on i alone: N adapters of rank r start as
        one of rank N * r.
        """
        _, _, dim = self.lora_A.shape
        flat = self.lora_A.view(-1, dim)
        drawn = torch.rand(flat.shape, generator=stream(seed, "init", name, "lora_A"))
        flat.copy_((2 * drawn - 1) / math.sqrt(dim))
        self.lora_B.zero_()

    def weights(self) -> ExpertWeights:
        """Experts with nothing between their two matrices."""
        return ExpertWeights(self.lora_A, self.lora_B * self.scaling, "linear")

    def forward(self, x: Tensor) -> Tensor:
        """``sum_j D_j(x)`` of (..., D): all adapters on all tokens, in the adapters' precision."""
        # side by side they are one adapter of rank N * r
        down, up = self.lora_A.flatten(0, 1), self.lora_B.transpose(0, 1).flatten(1)
        return F.linear(F.linear(x.to(down.dtype), down), up) * self.scaling

    def merged(self) -> Tensor:
        """The maps that the adapters are, (N, O, D)."""
        return self.lora_B @ self.lora_A * self.scaling
