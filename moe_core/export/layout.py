"""A model's configuration and tensors by the names of transformers, in both directions.

Tensors go by the names of checkpoints on the hub, an expert at a time, which transformers fuses as
it loads them and other readers know. All readings of a tensor are exact, but for one: transformers
does not scale embeddings, so they are stored times sqrt(D), and a head that was tied is not.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from moe_core.export.faithful import ARCHITECTURES, ModelType, model_type
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import EPS

# OLMoE normalises queries and keys, which the bench does not. Projections are made so small that
# the root of eps is all that the norm divides by, and its weight scales them back. All three are
# powers of two, so nothing is rounded, in fp32 and bf16; fp16 cannot hold what is so small.
TINY = 2.0**-40


@dataclass(frozen=True)
class Place:
    """``theirs`` holds ``factor * ours[index]``."""

    theirs: str
    ours: str
    index: Any = ...
    factor: float = 1.0


def places(model: TransformerConfig) -> Iterator[Place]:
    """Where each tensor of a decoder stands. The head comes last: it is exact where it is tied."""
    kind, dim = model_type(model), model.dim
    yield Place("model.embed_tokens.weight", "embedding.weight", factor=math.sqrt(dim))
    for number in range(model.layers):
        theirs, ours = f"model.layers.{number}", f"blocks.{number}"
        yield Place(f"{theirs}.input_layernorm.weight", f"{ours}.attention_norm.weight")
        yield Place(f"{theirs}.post_attention_layernorm.weight", f"{ours}.ffn_norm.weight")
        for part, name in enumerate("qkv"):
            rows = slice(part * dim, (part + 1) * dim)
            small = TINY if kind == "olmoe" and name != "v" else 1.0
            yield Place(
                f"{theirs}.self_attn.{name}_proj.weight",
                f"{ours}.attention.qkv.weight",
                rows,
                small,
            )
        yield Place(f"{theirs}.self_attn.o_proj.weight", f"{ours}.attention.out.weight")
        yield from _feed_forward(model, kind, theirs, f"{ours}.ffn")
    yield Place("model.norm.weight", "norm.weight")
    yield Place("lm_head.weight", "head.weight")


def _feed_forward(
    model: TransformerConfig, kind: ModelType, theirs: str, ours: str
) -> Iterator[Place]:
    moe, hidden = model.moe, model.ffn_hidden
    if moe is None:
        yield from _expert(f"{theirs}.mlp", ours, 0, hidden)
        return
    mlp = f"{theirs}.block_sparse_moe" if kind == "mixtral" else f"{theirs}.mlp"
    names = ("w1", "w3", "w2") if kind == "mixtral" else SWIGLU
    yield Place(f"{mlp}.gate.weight", f"{ours}.routers.0.weight_ED")
    for expert in range(moe.num_experts):
        yield from _expert(f"{mlp}.experts.{expert}", f"{ours}.experts", expert, hidden, names)
    if moe.shared_hidden:
        yield from _expert(f"{mlp}.shared_experts", f"{ours}.shared", 0, moe.shared_hidden)
    if moe.bias_rate:
        yield Place(f"{mlp}.gate.e_score_correction_bias", f"{ours}.states.0.bias_E")


SWIGLU = ("gate_proj", "up_proj", "down_proj")


def _expert(
    theirs: str, ours: str, expert: int, hidden: int, names: tuple[str, str, str] = SWIGLU
) -> Iterator[Place]:
    gate, up, down = names
    yield Place(f"{theirs}.{gate}.weight", f"{ours}.w_in_EHD", (expert, slice(hidden)))
    yield Place(f"{theirs}.{up}.weight", f"{ours}.w_in_EHD", (expert, slice(hidden, None)))
    yield Place(f"{theirs}.{down}.weight", f"{ours}.w_out_EDF", expert)


def constants(model: TransformerConfig) -> dict[str, Tensor]:
    """What a class has and the bench has not, at values that do nothing.

    A shared expert of zeros has the width of an expert, not none: not every reader could open that.
    """
    kind, moe, dim, hidden = model_type(model), model.moe, model.dim, model.ffn_hidden
    fixed = {}
    for layer in (f"model.layers.{number}" for number in range(model.layers)):
        if kind == "olmoe":
            for name in ("q_norm", "k_norm"):
                fixed[f"{layer}.self_attn.{name}.weight"] = torch.full((dim,), EPS**0.5 / TINY)
        if kind == "glm4_moe" and moe:
            if not moe.shared_hidden:
                shapes = ((hidden, dim), (hidden, dim), (dim, hidden))
                for name, shape in zip(SWIGLU, shapes, strict=True):
                    fixed[f"{layer}.mlp.shared_experts.{name}.weight"] = torch.zeros(shape)
            if not moe.bias_rate:
                bias = f"{layer}.mlp.gate.e_score_correction_bias"
                fixed[bias] = torch.zeros(moe.num_experts)
    return fixed


def configuration(
    model: TransformerConfig, vocab_size: int, seq_len: int, separator_id: int
) -> dict[str, Any]:
    """``config.json``. seq_len: positions that training has seen.

    No token is named as padding, or transformers would not train the separator's embedding.
    """
    kind = model_type(model)
    told: dict[str, Any] = {
        "architectures": [ARCHITECTURES[kind]],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": separator_id,
        "dtype": "float32",
        "eos_token_id": separator_id,
        "head_dim": model.dim // model.heads,
        "hidden_act": "silu",
        "hidden_size": model.dim,
        "intermediate_size": model.ffn_hidden,
        "max_position_embeddings": seq_len,
        "model_type": kind,
        "num_attention_heads": model.heads,
        "num_hidden_layers": model.layers,
        "num_key_value_heads": model.heads,
        "pad_token_id": None,
        "rms_norm_eps": EPS,
        "rope_parameters": {"rope_theta": 10_000.0, "rope_type": "default"},
        "rope_theta": 10_000.0,  # for readers older than transformers 5
        "tie_word_embeddings": False,
        "vocab_size": vocab_size,
    }
    if (moe := model.moe) is None:
        return told
    told["num_experts_per_tok"] = moe.top_k
    if kind == "mixtral":
        return told | {"num_local_experts": moe.num_experts, "sliding_window": None}
    if kind == "olmoe":
        return told | {"clip_qkv": None, "norm_topk_prob": False, "num_experts": moe.num_experts}
    told["rope_parameters"]["partial_rotary_factor"] = 1.0
    return told | {
        "first_k_dense_replace": 0,
        "moe_intermediate_size": model.ffn_hidden,
        "n_group": 1,
        "n_routed_experts": moe.num_experts,
        "n_shared_experts": max(1, moe.shared_hidden // model.ffn_hidden),
        "norm_topk_prob": False,
        "num_nextn_predict_layers": 0,
        "partial_rotary_factor": 1.0,
        "routed_scaling_factor": 1.0,
        "topk_group": 1,
        "use_qk_norm": False,
    }


def to_theirs(model: TransformerConfig, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a checkpoint, of those of a run."""
    moved = {p.theirs: (tensors[p.ours][p.index] * p.factor).contiguous() for p in places(model)}
    return moved | constants(model)
