"""A decoder whose steps are compiled, for one batch and length."""

import torch
from torch import Tensor

from moe_core.inference.decoder import Decoder
from moe_core.model.transformer import Transformer
from moe_core.routing.strategy import RoutedLayer


def compiled_decoder(model: Transformer, batch: int, longest: int) -> Decoder:
    """As ``Decoder``. The first step takes tens of seconds; later decoders of these sizes share it.

    Each step reads all slots, empty ones too, so that its shapes are static.
    """
    decoder = Decoder(model, batch, longest)
    step = torch.compile(decoder.step, dynamic=False)

    def whole(token_id_B: Tensor, position_B: Tensor, end: int) -> tuple[Tensor, list[RoutedLayer]]:
        return step(token_id_B, position_B, longest)

    decoder.step = whole
    return decoder
