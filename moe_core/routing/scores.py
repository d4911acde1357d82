"""Router networks: token vectors to logits over experts, in the precision of their weights.

Weights stay float32 whatever the precision of the run (Switch, arXiv 2101.03961, section 2.4). The
products of a trained network can be read in a lower one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.routing.precision import PRODUCTS
from moe_core.routing.router_net import RouterNet, RouterPrecision

COSINE_TEMPERATURE = 0.07  # X-MoE, section 4.1


class Router(nn.Module):
    """Calls ``logits`` outside autocast. precision: of its products; all else is in float32."""

    precision: RouterPrecision = "fp32"

    def forward(self, x_TD: Tensor) -> Tensor:
        with torch.autocast(x_TD.device.type, enabled=False):
            return self.logits(x_TD.to(next(self.parameters()).dtype))

    def logits(self, x_TD: Tensor) -> Tensor:
        """logits_TE of a batch of tokens."""
        raise NotImplementedError

    def product(self, x_TD: Tensor, w_ED: Tensor) -> Tensor:
        """``x w^T`` in the precision of the router."""
        return PRODUCTS[self.precision](x_TD, w_ED)


class LinearRouter(Router):
    """``z = W x`` (Shazeer et al., arXiv 1701.06538, eq. 2)."""

    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.weight_ED = nn.Parameter(torch.empty(num_experts, dim))

    def logits(self, x_TD: Tensor) -> Tensor:
        return self.product(x_TD, self.weight_ED)


class MlpRouter(Router):
    """``z = W2 gelu(W1 x)``, hidden width D (arXiv 2506.16419, section 3)."""

    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.hidden_DD = nn.Parameter(torch.empty(dim, dim))
        self.weight_ED = nn.Parameter(torch.empty(num_experts, dim))

    def logits(self, x_TD: Tensor) -> Tensor:
        return self.product(F.gelu(self.product(x_TD, self.hidden_DD)), self.weight_ED)


class MlpHadamardRouter(Router):
    """``z = W3 (gelu(W1 x) * W2 x)``, hidden width D (arXiv 2506.16419, section 3)."""

    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.gate_DD = nn.Parameter(torch.empty(dim, dim))
        self.hidden_DD = nn.Parameter(torch.empty(dim, dim))
        self.weight_ED = nn.Parameter(torch.empty(num_experts, dim))

    def logits(self, x_TD: Tensor) -> Tensor:
        hidden_TD = F.gelu(self.product(x_TD, self.gate_DD)) * self.product(x_TD, self.hidden_DD)
        return self.product(hidden_TD, self.weight_ED)


class CosineRouter(Router):
    """``z = cos(P x, e) / tau`` in E/2 dimensions, tau learned (X-MoE, arXiv 2204.09179, eq. 5)."""

    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        low = max(2, num_experts // 2)
        self.projection_PD = nn.Parameter(torch.empty(low, dim))
        self.expert_EP = nn.Parameter(torch.empty(num_experts, low))
        self.sharpness_1 = nn.Parameter(torch.ones(1))  # of 1 / tau, relative to its start

    def logits(self, x_TD: Tensor) -> Tensor:
        x_TP = F.normalize(self.product(x_TD, self.projection_PD), dim=-1)
        cosine_TE = self.product(x_TP, F.normalize(self.expert_EP, dim=-1))
        return cosine_TE * self.sharpness_1 / COSINE_TEMPERATURE


def build_router(net: RouterNet, dim: int, num_experts: int) -> Router:
    """A router network of the named kind."""
    kinds = {
        "linear": LinearRouter,
        "mlp": MlpRouter,
        "mlp_hadamard": MlpHadamardRouter,
        "cosine": CosineRouter,
    }
    return kinds[net](dim, num_experts)


@contextmanager
def routers_in(precision: RouterPrecision, model: nn.Module) -> Iterator[None]:
    """Every router network of a model in a precision; its weights stay as they are."""
    before = [(net, net.precision) for net in model.modules() if isinstance(net, Router)]
    for net, _ in before:
        net.precision = precision
    try:
        yield
    finally:
        for net, own in before:
            net.precision = own
