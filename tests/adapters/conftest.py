from typing import Any

import pytest
import torch
from torch import Tensor, nn

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.base import Base, HubBase, OwnBase
from moe_core.adapters.config import AdapterConfig
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.moe_layer import DROPLESS, Mode
from moe_core.model.transformer import build
from moe_core.random_streams import stream
from tests.conftest import moe_of
from tests.training.conftest import COUNTS, VOCABULARY
from tests.training.conftest import config_of as config_of

METHODS = ("perft_r", "perft_e", "perft_d", "perft_s", "lora", "full")
ADAPTERS = METHODS[:-1]
EXPERTS, DIM = 4, 16
HUB: dict[str, dict[str, Any]] = {
    "Olmoe": {"num_experts": EXPERTS, "num_experts_per_tok": 2},
    "Mixtral": {"num_local_experts": EXPERTS, "num_experts_per_tok": 2},
    "Qwen2Moe": {
        "num_experts": EXPERTS,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
    "Qwen3Moe": {
        "num_experts": EXPERTS,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "head_dim": 8,
        "norm_topk_prob": False,
    },
}
BASES = ("own", *HUB)


def own_base(**moe: Any) -> OwnBase:
    """A tiny Transformer of the bench, the same each time."""
    config = TransformerConfig(
        dim=DIM,
        layers=2,
        heads=2,
        ffn_hidden=16,
        activation="swiglu",
        tied_head=True,
        moe=moe_of(**{"strategy": "softk", "num_experts": EXPERTS} | moe),
    )
    return OwnBase(build(config, COUNTS, 0))


def base_of(name: str) -> Base:
    """A tiny base, the same each time: ``own``, or a class of transformers."""
    if name == "own":
        return own_base()
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}Config")(
        vocab_size=VOCABULARY,
        hidden_size=DIM,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        **HUB[name],
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HubBase(getattr(transformers, f"{name}ForCausalLM")(config))


def own_routing(**changes: Any) -> MoEConfig:
    """Of PERFT-R: three adapters, unlike the experts, and two of them a token."""
    return moe_of(**{"strategy": "softk_pre", "num_experts": 3, "top_k": 2} | changes)


def config_for(method: str, name: str, **changes: Any) -> AdapterConfig:
    """Three adapters of rank 2 where a method has many; keywords change it."""
    attention = ["attention.qkv", "attention.out"] if name == "own" else ["q_proj", "v_proj"]
    plain: dict[str, Any] = {
        "peft_type": method,
        "r": 0 if method == "full" else 2,
        "lora_alpha": 3.0,
        "num_adapters": 3 if method in ("perft_r", "perft_d") else 1,
        "routing": own_routing() if method == "perft_r" else None,
        "target_modules": attention if method == "lora" else None,
    }
    return AdapterConfig(**plain | changes)


def adapted(method: str, name: str, seed: int = 0, **changes: Any) -> AdaptedModel:
    """A tiny base with adapters that do nothing yet."""
    return AdaptedModel(base_of(name), config_for(method, name, **changes), COUNTS, seed)


@torch.no_grad()
def with_random_b(model: AdaptedModel) -> AdaptedModel:
    """The same model, its adapters no longer 0."""
    for name, parameter in model.adapters.named_parameters():
        if name.endswith("lora_B"):
            parameter.copy_(torch.randn(parameter.shape, generator=stream(0, "B", name)) * 0.3)
    return model


def ids() -> Tensor:
    """Some token ids, (3, 10)."""
    return torch.randint(VOCABULARY, (3, 10), generator=stream(0, "ids"))


@torch.no_grad()
def logits_of(model: nn.Module, mode: Mode = DROPLESS) -> Tensor:
    """Of a base, or of an adapted model."""
    return model(ids(), mode, None)[0]
