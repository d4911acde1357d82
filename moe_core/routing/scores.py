"""Router networks: token vectors to logits over experts."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearRouter(nn.Module):
    """``z = W x``, in float32 whatever the precision of the run (Switch, section 2.4)."""

    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.weight_ED = nn.Parameter(torch.empty(num_experts, dim))

    def forward(self, x_TD: Tensor) -> Tensor:
        with torch.autocast(x_TD.device.type, enabled=False):
            return F.linear(x_TD.float(), self.weight_ED)
