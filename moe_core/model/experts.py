"""Feed-forward experts with stacked weights; a dense layer is one expert."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.model.config import Activation


class Experts(nn.Module):
    """E feed-forward networks. SwiGLU (arXiv 2002.05202, eq. 6): ``(silu(x W1) * x W3) W2``.

    w_in_EHD holds gate above up for SwiGLU (H = 2F) and one matrix for GELU (H = F); w_out_EDF.
    Each expert is initialised as a dense layer of its own width would be, whatever E is.
    """

    def __init__(self, num_experts: int, dim: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        wide = 2 * hidden if activation == "swiglu" else hidden
        self.w_in_EHD = nn.Parameter(torch.empty(num_experts, wide, dim))
        self.w_out_EDF = nn.Parameter(torch.empty(num_experts, dim, hidden))

    def forward(self, x_AD: Tensor, counts: list[int]) -> Tensor:
        """Rows of ``x_AD`` stand grouped by expert, ``counts[e]`` of them for expert e."""
        # unbind, not indexing: indexing in a loop builds a full-size gradient per expert
        weights = zip(self.w_in_EHD.unbind(), self.w_out_EDF.unbind(), strict=True)
        segments = zip(x_AD.split(counts), weights, strict=True)
        return torch.cat([self.expert(x_AD, *w) for x_AD, w in segments])

    def expert(self, x_AD: Tensor, w_in_HD: Tensor, w_out_DF: Tensor) -> Tensor:
        """One expert on its rows."""
        pre_AH = F.linear(x_AD, w_in_HD)
        if self.activation == "swiglu":
            gate_AF, up_AF = pre_AH.chunk(2, dim=-1)
            return F.linear(F.silu(gate_AF) * up_AF, w_out_DF)
        return F.linear(F.gelu(pre_AH), w_out_DF)
