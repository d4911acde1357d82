"""Feed-forward experts with stacked weights; a dense layer is one expert."""

import torch
from torch import Tensor, nn

from moe_core.dispatch.dispatch import dense, dispatch
from moe_core.dispatch.kinds import Activation, Backend
from moe_core.dispatch.reference import expert
from moe_core.dispatch.weights import ExpertWeights
from moe_core.routing.routing import Routing


class Bank(nn.Module):
    """E networks that a routed layer can send tokens to."""

    def weights(self) -> ExpertWeights:
        """As dispatch takes them."""
        raise NotImplementedError

    def multiply(self, x_TD: Tensor, routing: Routing, backend: Backend) -> Tensor:
        """``W @ experts(x)`` over the kept entries of the routing matrix W."""
        return dispatch(x_TD, routing, self.weights(), backend)

    def each(self, x_TD: Tensor) -> Tensor:
        """y_ETD: every expert on every token, one expert at a time."""
        in_EHD, out_EDF, activation = self.weights()
        stacked = zip(in_EHD, out_EDF, strict=True)
        return torch.stack([expert(x_TD, *pair, activation) for pair in stacked])


class Experts(Bank):
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

    def weights(self) -> ExpertWeights:
        """As dispatch takes them."""
        return ExpertWeights(self.w_in_EHD, self.w_out_EDF, self.activation)

    def forward(self, x_TD: Tensor) -> Tensor:
        """The one expert of a dense layer, on all tokens."""
        return dense(x_TD, self.weights())
