"""A decoder-only Transformer: RMSNorm, rotary positions, SDPA, experts for feed-forward."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.model.config import TransformerConfig
from moe_core.model.experts import Experts
from moe_core.model.moe_layer import MoELayer, RoutedLayer
from moe_core.random_streams import stream
from moe_core.routing import registry


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions (RoFormer, arXiv 2104.09864, eq. 34)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, x_BSD: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        # (B, S, 3, heads, D / heads) -> three of (B, heads, S, D / heads)
        q, k, v = self.qkv(x_BSD).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, *rotation), rotate(k, *rotation)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


def rotary_angles(length: int, head_dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin, each (S, head_dim / 2), base 10,000."""
    frequency = 10_000.0 ** (-torch.arange(0, head_dim, 2, device=device) / head_dim)
    angle = torch.outer(torch.arange(length, device=device), frequency)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x_i, x_{i + head_dim/2}) of (..., S, head_dim) by their angles."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1).to(x.dtype)


class Block(nn.Module):
    """Pre-norm attention, then pre-norm feed-forward: MoE, or dense where no MoE is asked for."""

    def __init__(self, config: TransformerConfig, counts_V: Tensor) -> None:
        super().__init__()
        dim, hidden, activation = config.dim, config.ffn_hidden, config.activation
        self.attention_norm = nn.RMSNorm(dim, eps=1e-6)
        self.attention = Attention(dim, config.heads)
        self.ffn_norm = nn.RMSNorm(dim, eps=1e-6)
        self.ffn: MoELayer | Experts = (
            MoELayer(config.moe, dim, hidden, activation, counts_V)
            if config.moe
            else Experts(1, dim, hidden, activation)
        )

    def forward(
        self,
        x_BSD: Tensor,
        token_id_BS: Tensor,
        rotation: tuple[Tensor, Tensor],
        dropless: bool,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, RoutedLayer | None]:
        x_BSD = x_BSD + self.attention(self.attention_norm(x_BSD), rotation)
        x_TD = self.ffn_norm(x_BSD).flatten(0, 1)
        if isinstance(self.ffn, Experts):
            return x_BSD + self.ffn(x_TD, [x_TD.shape[0]]).view_as(x_BSD), None
        y_TD, routed = self.ffn(
            x_TD, token_id_BS.flatten(), token_id_BS.shape[1], dropless, generator
        )
        return x_BSD + y_TD.view_as(x_BSD), routed


class Transformer(nn.Module):
    """token_id_BS to logits_BSV, with what each MoE layer decided.

    counts_V: how often each id of the vocabulary occurs in the training split, for strategies
    with a table.
    """

    def __init__(self, config: TransformerConfig, counts_V: Tensor) -> None:
        super().__init__()
        self.config = config
        vocab_size = counts_V.numel()
        self.embedding = nn.Embedding(vocab_size, config.dim)
        self.blocks = nn.ModuleList(Block(config, counts_V) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.head = nn.Linear(config.dim, vocab_size, bias=False)
        if config.tied_head:
            self.head.weight = self.embedding.weight

    def drops_tokens(self) -> bool:
        """Whether capacity can drop what a strategy chose."""
        moe = self.config.moe
        if moe is None or moe.drop_policy == "none":
            return False
        return not registry.load(moe.strategy).fills_capacity

    def forward(
        self,
        token_id_BS: Tensor,
        dropless: bool = False,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """dropless: no token is dropped. generator: draws for the ``random`` drop policy."""
        dim, heads = self.config.dim, self.config.heads
        # unit variance at the input, while tied embeddings of variance 1/D suit the head
        x_BSD = self.embedding(token_id_BS) * math.sqrt(dim)
        rotation = rotary_angles(token_id_BS.shape[1], dim // heads, token_id_BS.device)
        decisions = []
        for block in self.blocks:
            x_BSD, routed = block(x_BSD, token_id_BS, rotation, dropless, generator)
            if routed is not None:
                decisions.append(routed)
        return self.head(self.norm(x_BSD)), decisions


@torch.no_grad()
def initialise(model: Transformer, seed: int) -> None:
    """Draw every matrix from N(0, 1/fan_in), residual outputs smaller by sqrt(2 L).

    Each parameter has a random stream of its own name, so that models which share a parameter
    (attention, router, embedding) under one seed start from the same values.
    """
    depth_scale = 1 / math.sqrt(2 * model.config.layers)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)  # norms
            continue
        std = parameter.shape[-1] ** -0.5
        if name.endswith(("attention.out.weight", "w_out_EDF")):
            std *= depth_scale
        values = torch.randn(parameter.shape, generator=stream(seed, "init", name))
        parameter.copy_(values * std)


def build(config: TransformerConfig, counts_V: Tensor, seed: int) -> Transformer:
    """A model with its initial weights."""
    model = Transformer(config, counts_V)
    initialise(model, seed)
    return model
