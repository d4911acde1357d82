"""A decoder-only Transformer: RMSNorm, rotary positions, SDPA, experts for feed-forward."""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.dispatch.kinds import Activation
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.experts import Experts
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import TRAINING, Mode, MoELayer
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer

SHORT = 512  # tokens
EPS = 2.0**-20  # of norms: about 1e-6, with a root that is exact (see moe_core/export/layout.py)


@dataclass
class KVCache:
    """Keys and values, each (B, heads, S, D / heads), of the tokens read so far, a pair a block."""

    pairs: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def length(self) -> int:
        """Tokens read so far."""
        return self.pairs[0][0].shape[2] if self.pairs else 0

    def extend(self, block: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append to a block's pair and return it whole."""
        if block == len(self.pairs):
            self.pairs.append((k, v))
        else:
            past = self.pairs[block]
            self.pairs[block] = (torch.cat([past[0], k], 2), torch.cat([past[1], v], 2))
        return self.pairs[block]


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions (RoFormer, arXiv 2104.09864, eq. 34)."""

    def __init__(self, dim: int, heads: int, block: int) -> None:
        super().__init__()
        self.heads = heads
        self.block = block
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(
        self, x_BSD: Tensor, rotation: tuple[Tensor, Tensor], cache: KVCache | None
    ) -> Tensor:
        """With a cache, the tokens continue those read so far."""
        # (B, S, 3, heads, D / heads) -> three of (B, heads, S, D / heads)
        q, k, v = self.qkv(x_BSD).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, *rotation), rotate(k, *rotation)
        seen = None
        if cache is not None:
            k, v = cache.extend(self.block, k, v)
            shape, past = (q.shape[2], k.shape[2]), k.shape[2] - q.shape[2]
            seen = torch.ones(shape, dtype=torch.bool, device=q.device).tril(past)
        if q.requires_grad and seen is None and q.device.type == "cpu" and q.shape[2] <= SHORT:
            y = short_attention(q, k, v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=seen is None)
        return self.out(y.transpose(1, 2).flatten(2))


def short_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention over all pairs, scores and all, each (B, heads, S, D / heads).

    On a CPU faster than the tiled kernel of SDPA, forward and backward, up to some 512 tokens
    (benchmarks/attention.py). Under autocast in the precision of q, scores included.
    """
    shape, size = q.shape, q.shape[2]
    with torch.autocast(q.device.type, enabled=False):
        q, k, v = (x.flatten(0, 1) for x in (q, k, v))
        later_SS = torch.full((size, size), -math.inf, dtype=q.dtype, device=q.device).triu(1)
        scores = torch.baddbmm(later_SS, q, k.transpose(1, 2), alpha=shape[3] ** -0.5)
        return torch.bmm(scores.softmax(-1), v).view(shape)


def rotary_angles(position_S: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """cos and sin, each (S, head_dim / 2), base 10,000."""
    # the operations of transformers: powers that differ in the last bit add up over positions
    frequency = 1 / 10_000.0 ** (torch.arange(0, head_dim, 2, device=position_S.device) / head_dim)
    angle = torch.outer(position_S, frequency)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x_i, x_{i + head_dim/2}) of (..., S, head_dim) by their angles."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1).to(x.dtype)


def routed_experts(
    moe: MoEConfig, dim: int, hidden: int, activation: Activation, counts_V: Tensor
) -> MoELayer:
    """A mixture of feed-forward experts, with a shared one if it is asked for."""
    experts = Experts(moe.num_experts, dim, hidden, activation)
    shared = Experts(1, dim, moe.shared_hidden, activation) if moe.shared_hidden else None
    return MoELayer(moe, dim, experts, shared, counts_V)


class Block(nn.Module):
    """Pre-norm attention, then pre-norm feed-forward: MoE, or dense where no MoE is asked for."""

    def __init__(self, config: TransformerConfig, counts_V: Tensor, block: int) -> None:
        super().__init__()
        dim, hidden, activation = config.dim, config.ffn_hidden, config.activation
        self.attention_norm = nn.RMSNorm(dim, eps=EPS)
        self.attention = Attention(dim, config.heads, block)
        self.ffn_norm = nn.RMSNorm(dim, eps=EPS)
        self.ffn: MoELayer | Experts = (
            routed_experts(config.moe, dim, hidden, activation, counts_V)
            if config.moe
            else Experts(1, dim, hidden, activation)
        )

    def forward(
        self,
        x_BSD: Tensor,
        token_id_BS: Tensor,
        position_S: Tensor,
        rotation: tuple[Tensor, Tensor],
        mode: Mode,
        draws: Draws | None,
        cache: KVCache | None,
    ) -> tuple[Tensor, list[RoutedLayer]]:
        x_BSD = x_BSD + self.attention(self.attention_norm(x_BSD), rotation, cache)
        x_TD = self.ffn_norm(x_BSD).flatten(0, 1)
        if isinstance(self.ffn, Experts):
            return x_BSD + self.ffn(x_TD).view_as(x_BSD), []
        batch, size = token_id_BS.shape
        y_TD, routed = self.ffn(
            x_TD, token_id_BS.flatten(), position_S.repeat(batch), size, mode, draws
        )
        return x_BSD + y_TD.view_as(x_BSD), routed


class Transformer(LanguageModel):
    """token_id_BS to logits_BSV, with what each step of each MoE layer decided.

    counts_V: how often each id of the vocabulary occurs in the training split, for strategies
    with a table.
    """

    def __init__(self, config: TransformerConfig, counts_V: Tensor) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size = counts_V.numel()
        self.embedding = nn.Embedding(vocab_size, config.dim)
        self.blocks = nn.ModuleList(Block(config, counts_V, i) for i in range(config.layers))
        self.norm = nn.RMSNorm(config.dim, eps=EPS)
        self.head = nn.Linear(config.dim, vocab_size, bias=False)
        if config.tied_head:
            self.head.weight = self.embedding.weight

    def stored_tensors(self) -> dict[str, Tensor]:
        """Weights, tables and states by name; a tied head is the embedding, and there once."""
        tensors = dict(self.state_dict())
        if self.config.tied_head:
            del tensors["head.weight"]
        return tensors

    @property
    def routing(self) -> MoEConfig | None:
        """How the routers that are trained route, None without any."""
        return self.config.moe

    def all_routing(self) -> list[MoEConfig]:
        """How every routed layer routes."""
        return [self.config.moe] if self.config.moe else []

    def moe_layers(self) -> list[MoELayer]:
        """The routed layers, none in a dense model."""
        return [block.ffn for block in self.blocks if isinstance(block.ffn, MoELayer)]

    def forward(
        self,
        token_id_BS: Tensor,
        mode: Mode = TRAINING,
        draws: Draws | None = None,
        cache: KVCache | None = None,
    ) -> tuple[Tensor, list[RoutedLayer]]:
        """draws: for noise and the ``random`` drop policy.

        cache: continue the tokens that it holds, and append these.
        """
        dim, heads = self.config.dim, self.config.heads
        start, device = cache.length() if cache else 0, token_id_BS.device
        position_S = torch.arange(start, start + token_id_BS.shape[1], device=device)
        # unit variance at the input, while tied embeddings of variance 1/D suit the head
        x_BSD = self.embedding(token_id_BS) * math.sqrt(dim)
        rotation = rotary_angles(position_S, dim // heads)
        decisions: list[RoutedLayer] = []
        for block in self.blocks:
            x_BSD, routed = block(x_BSD, token_id_BS, position_S, rotation, mode, draws, cache)
            decisions += routed
        return self.head(self.norm(x_BSD)), decisions


@torch.no_grad()
def initialise(model: Transformer, seed: int) -> None:
    """Draw every matrix from N(0, 1/fan_in), residual outputs smaller by sqrt(2 L).

    Each parameter has a random stream of its own name, so that models which share a parameter
    (attention, router, embedding) under one seed start from the same values.
    """
    config = model.config
    depth_scale = 1 / math.sqrt(2 * config.layers)
    own_std = registry.load(config.moe.strategy).expert_std if config.moe else None
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)  # norms, and the sharpness of a cosine router
            continue
        std = parameter.shape[-1] ** -0.5
        if own_std and ".experts." in name:
            std = own_std(*parameter.shape)
        elif ".noise_router." in name:
            std = 0.0  # noise of equal scale everywhere (arXiv 1701.06538, appendix A)
        elif name.endswith(("attention.out.weight", "w_out_EDF")):
            std *= depth_scale
        values = torch.randn(parameter.shape, generator=stream(seed, "init", name))
        parameter.copy_(values * std)


def build(config: TransformerConfig, counts_V: Tensor, seed: int) -> Transformer:
    """A model with its initial weights."""
    model = Transformer(config, counts_V)
    initialise(model, seed)
    return model
