"""How a model's matrices lie in memory while it writes."""

import torch
from torch import nn

from moe_core.model.transformer import Transformer


@torch.no_grad()
def store_by_columns(model: Transformer) -> None:
    """Store every matrix but the embedding by columns, in place; shapes and values stay.

    ``x @ W.T`` of few rows x then reads W in the order in which it lies, which is up to twice as
    fast on a CPU. A head that is tied to the embedding gets a copy of its own.
    """
    model.head.weight = nn.Parameter(model.head.weight.clone())
    for parameter in (*model.blocks.parameters(), model.head.weight):
        if parameter.dim() > 1:
            parameter.data = parameter.data.mT.contiguous().mT
