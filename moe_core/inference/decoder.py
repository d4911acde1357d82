"""A trained model reads prompts of any lengths, then one token of each a step.

The key of position p stands in slot p of its row, so that a row knows nothing of its neighbours:
prompts are padded behind their end, and what padding left there is hidden until it is overwritten.
"""

import math

import torch
from torch import Tensor

from moe_core.model.experts import Experts
from moe_core.model.moe_layer import CAUSAL
from moe_core.model.transformer import Block, KVCache, Transformer, rotary_angles, rotate
from moe_core.routing.strategy import RoutedLayer


class Decoder:
    """Rows of text that one model continues, B of them, each up to ``longest`` tokens.

    position_B: tokens of each row read so far. Routes by the rule of a decoder, without capacity.
    """

    def __init__(self, model: Transformer, batch: int, longest: int) -> None:
        config, weight = model.config, model.embedding.weight
        head_dim = config.dim // config.heads
        self.model = model
        self.blocks = [block for block in model.blocks if isinstance(block, Block)]
        # keys and values of a block: (2, B, heads, S, D / heads); zeros, for 0 * NaN would be NaN.
        # A tensor each: a compiler would copy the others to write into a part
        shape = (2, batch, config.heads, longest, head_dim)
        self.cache = [weight.new_zeros(shape) for _ in self.blocks]
        self.rotation = rotary_angles(torch.arange(longest, device=weight.device), head_dim)
        # row p is added to the scores of position p: nothing, and -inf where a later slot is
        self.hidden_SS = weight.new_full((longest, longest), -math.inf).triu(1)
        self.row_B = torch.arange(batch, device=weight.device)
        self.position_B = torch.zeros_like(self.row_B)
        self.step = self._step  # or a compiled one

    @torch.inference_mode()
    def read_prompts(
        self, token_id_BS: Tensor, length_B: Tensor
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """logits_BV after the last token of each prompt, and what the layers decided on all B x S.

        length_B: tokens of each row; those behind them are padding.
        """
        model, cache = self.model, KVCache()
        size = token_id_BS.shape[1]
        rotation = tuple(table[:size] for table in self.rotation)
        position_S = torch.arange(size, device=token_id_BS.device)
        x_BSD = model.embedding(token_id_BS) * math.sqrt(model.config.dim)
        decisions: list[RoutedLayer] = []
        for block in self.blocks:
            x_BSD, routed = block(x_BSD, token_id_BS, position_S, rotation, CAUSAL, None, cache)
            decisions += routed
        for own, pair in zip(self.cache, cache.pairs, strict=True):
            own[..., :size, :] = torch.stack(pair)
        self.position_B = length_B.clone()  # of inference mode as those after it, for a compiler
        return model.head(model.norm(x_BSD[self.row_B, length_B - 1])), decisions

    @torch.inference_mode()
    def read(self, token_id_B: Tensor) -> tuple[Tensor, list[RoutedLayer]]:
        """logits_BV after one more token of each row, and what the layers decided on these B."""
        end = int(self.position_B.max()) + 1
        logits_BV, decisions = self.step(token_id_B, self.position_B, end)
        self.position_B = self.position_B + 1
        return logits_BV, decisions

    def _step(
        self, token_id_B: Tensor, position_B: Tensor, end: int
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """Tensors alone, with the first ``end`` slots of each row in sight."""
        model = self.model
        heads = model.config.heads
        hidden_BS = self.hidden_SS[position_B, :end]
        hidden = hidden_BS.repeat_interleave(heads, 0).unsqueeze(1)  # (B * heads, 1, S)
        rotation = tuple(table[position_B][:, None, None] for table in self.rotation)
        x_BD = model.embedding(token_id_B) * math.sqrt(model.config.dim)
        decisions: list[RoutedLayer] = []
        for block, cache in zip(self.blocks, self.cache, strict=True):
            x_BD = x_BD + self._attend(block, block.attention_norm(x_BD), rotation, cache, hidden)
            h_BD = block.ffn_norm(x_BD)
            if isinstance(block.ffn, Experts):
                x_BD = x_BD + block.ffn(h_BD)
                continue
            y_BD, routed = block.ffn(h_BD, token_id_B, position_B, 1, CAUSAL)
            x_BD = x_BD + y_BD
            decisions += routed
        return model.head(model.norm(x_BD)), decisions

    def _attend(
        self,
        block: Block,
        x_BD: Tensor,
        rotation: tuple[Tensor, ...],
        cache: Tensor,
        hidden: Tensor,
    ) -> Tensor:
        """Of one query a row; two plain products are faster than a fused kernel."""
        attention, end = block.attention, hidden.shape[2]
        qkv = attention.qkv(x_BD).unflatten(1, (3, attention.heads, -1))  # (B, 3, heads, D / heads)
        qkv[:, :2] = rotate(qkv[:, :2], *rotation)
        cache[:, self.row_B, :, self.position_B] = qkv[:, 1:]
        k, v = cache[..., :end, :].flatten(1, 2)  # each (B * heads, S, D / heads)
        q = qkv[:, 0].reshape(len(k), 1, -1)
        scores = torch.baddbmm(hidden, q, k.transpose(1, 2), alpha=k.shape[2] ** -0.5)
        return attention.out(torch.bmm(scores.softmax(-1), v).view_as(x_BD))
