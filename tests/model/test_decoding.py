"""Token-by-token decoding with a cache is the full pass in causal mode, for every strategy."""

import pytest
import torch
from torch import Tensor

from moe_core.model.config import TransformerConfig
from moe_core.model.moe_layer import CAUSAL, TRAINING
from moe_core.model.transformer import KVCache, Transformer, build
from moe_core.routing import registry
from tests.conftest import moe_of

B, S, V = 2, 11, 30
everything = pytest.mark.parametrize("name", [None, *registry.names()])
CHUNKS = {
    "token by token": [1] * S,
    "prefill, then tokens": [5, *[1] * 6],
    "prefill in chunks": [4, 3, 1, 2, 1],
}


def model_for(name: str | None) -> Transformer:
    """In float64, with what layers carry between steps moved away from its start."""
    moe = moe_of(name, bias_rate=0.1, capacity_factor=0.5) if name else None
    config = TransformerConfig(
        dim=32, layers=2, heads=2, ffn_hidden=32, activation="swiglu", tied_head=False, moe=moe
    )
    model = build(config, torch.arange(1, V + 1), 0).double().eval()
    draw = torch.Generator().manual_seed(0)
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith(("bias_E", "threshold_E")):
            buffer += 0.05 * torch.randn(4, generator=draw, dtype=torch.float64)
    return model


def tokens() -> Tensor:
    return torch.randint(V, (B, S), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def decoded(model: Transformer, sizes: list[int]) -> Tensor:
    """Logits of a pass a chunk, each of which continues those before it."""
    cache = KVCache()
    parts = []
    for chunk_BS in tokens().split(sizes, dim=1):
        assert cache.length() == sum(part.shape[1] for part in parts)
        parts.append(model(chunk_BS, CAUSAL, cache=cache)[0])
    assert cache.length() == S
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("sizes", CHUNKS.values(), ids=CHUNKS)
@everything
def test_decoding_is_the_full_pass(name: str | None, sizes: list[int]) -> None:
    model = model_for(name)
    with torch.no_grad():
        full_BSV = model(tokens(), CAUSAL)[0]
    torch.testing.assert_close(decoded(model, sizes), full_BSV, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ["expert_choice", "sinkhorn"])
def test_d5_a_decoder_cannot_follow_the_rule_of_training(name: str) -> None:
    model = model_for(name)
    with torch.no_grad():
        trained_BSV = model(tokens(), TRAINING)[0]
    assert (decoded(model, [1] * S) - trained_BSV).abs().max() > 1e-2


def test_a_cache_holds_each_sequence_by_itself() -> None:
    model, cache = model_for("softk"), KVCache()
    model(tokens()[:, :6], CAUSAL, cache=cache)
    alone = KVCache()
    model(tokens()[1:, :6], CAUSAL, cache=alone)
    assert len(cache.pairs) == len(alone.pairs) == 2
    for pair, own in zip(cache.pairs, alone.pairs, strict=True):
        for of_batch, of_sequence in zip(pair, own, strict=True):
            assert of_batch.shape == (B, 2, 6, 16)
            torch.testing.assert_close(of_batch[1:], of_sequence)
