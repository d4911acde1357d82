"""A checkpoint of transformers, exported from here or made alike, as a model of the bench."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from moe_core.corpus.tokenization import vocabulary_size
from moe_core.damaged import damaged
from moe_core.errors import StudyError
from moe_core.export.faithful import ARCHITECTURES
from moe_core.export.layout import configuration, constants, places
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.transformer import Transformer

NAMES = ("config.json", "model.safetensors", "tokenizer.json")
# of the configuration, without meaning for the logits
FREE = ("architectures", "bos_token_id", "dtype", "eos_token_id", "pad_token_id")


@dataclass(frozen=True)
class Imported:
    """A model in evaluation mode, its vocabulary, and how many positions it was trained on."""

    model: Transformer
    tokenizer: Tokenizer
    seq_len: int


@torch.no_grad()
def import_run(folder: Path) -> Imported:
    """Read a checkpoint: in mode ``CAUSAL`` the model's logits are those of the run it came from.

    The strategy is the plainest that decodes alike (a GShard run comes back as ``softk``), without
    capacity; what training alone used is gone. Raises StudyError for files that are missing or
    damaged, and for a checkpoint that no model of the bench is.
    """
    told, stored, tokenizer = _read(folder)
    try:
        config = _as_ours(folder, told, stored)
        model = Transformer(config, torch.ones(told["vocab_size"], dtype=torch.int64)).eval()
    except StudyError:
        raise
    except Exception as error:  # numbers that fit no model fail wherever they are first used
        raise damaged(folder / "config.json", error) from None
    ours, fixed = model.state_dict(), constants(config)
    wanted = fixed | {place.theirs: ours[place.ours][place.index] for place in places(config)}
    for name in sorted(stored.keys() | wanted.keys()):
        problem = _mismatch(stored.get(name), wanted.get(name), fixed.get(name))
        if problem:
            raise StudyError(f"{folder / 'model.safetensors'}: {name}", problem)
    if (size := vocabulary_size(tokenizer)) != model.vocab_size:
        raise StudyError(
            str(folder / "tokenizer.json"),
            f"has {size} tokens, and {model.vocab_size} are embedded",
        )
    for place in places(config):
        ours[place.ours][place.index] = stored[place.theirs].float() / place.factor
    return Imported(model, tokenizer, told["max_position_embeddings"])


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor], Tokenizer]:
    """What the configuration says, defaults included, the tensors, the vocabulary."""
    from transformers import AutoConfig

    for name in NAMES:
        if not (folder / name).is_file():
            raise StudyError(str(folder), f"has no {name}", "name a folder that was exported")
    try:
        told = AutoConfig.from_pretrained(folder).to_dict()
    except Exception as error:  # what is damaged may raise anything
        raise damaged(folder / "config.json", error) from None
    if told["model_type"] not in ARCHITECTURES:
        raise StudyError(
            f"{folder / 'config.json'}: model_type",
            f"is {told['model_type']!r}",
            f"allowed: {', '.join(ARCHITECTURES)}",
        )
    try:
        stored = load_file(folder / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise damaged(folder / "model.safetensors", error) from None
    try:
        return told, stored, Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises no narrower one
        raise damaged(folder / "tokenizer.json", error) from None


def _as_ours(folder: Path, told: dict[str, Any], stored: dict[str, Tensor]) -> TransformerConfig:
    """The model that would be exported as this. Raises StudyError if it would not be quite this."""
    from transformers import AutoConfig

    hidden = told.get("moe_intermediate_size", told["intermediate_size"])
    embedding, head = (stored.get(f"{name}.weight") for name in ("model.embed_tokens", "lm_head"))
    config = TransformerConfig(
        dim=told["hidden_size"],
        layers=told["num_hidden_layers"],
        heads=told["num_attention_heads"],
        ffn_hidden=hidden,
        activation="swiglu",
        # to the bit: a head that was tied is not, for the embedding is scaled
        tied_head=embedding is not None
        and head is not None
        and torch.equal(embedding, head * math.sqrt(told["hidden_size"])),
        moe=_routing(told, hidden, stored),
    )
    exported = configuration(config, told["vocab_size"], told["max_position_embeddings"], 0)
    full = AutoConfig.for_model(**exported).to_dict()
    for key in sorted((exported.keys() & told.keys() & full.keys()) - {*FREE}):
        if told[key] != full[key]:
            raise StudyError(
                f"{folder / 'config.json'}: {key}",
                f"is {told[key]!r}, and {full[key]!r} in a model of the bench",
            )
    return config


def _routing(told: dict[str, Any], hidden: int, stored: dict[str, Tensor]) -> MoEConfig | None:
    top_k = told.get("num_experts_per_tok", 0)
    match told["model_type"]:
        case "mixtral":
            strategy, num_experts = "softk" if top_k > 1 else "topk_hard", "num_local_experts"
        case "olmoe":
            strategy, num_experts = "softk_pre", "num_experts"
        case "glm4_moe":
            strategy, num_experts = "loss_free", "n_routed_experts"
        case _:
            return None
    used = any(
        t.any() for name, t in stored.items() if name.endswith("shared_experts.down_proj.weight")
    )
    return MoEConfig(
        strategy=strategy,
        router="linear",
        num_experts=told[num_experts],
        top_k=top_k,
        capacity_factor=1.0,
        drop_policy="none",
        shared_hidden=told["n_shared_experts"] * hidden if used else 0,
        jitter=0.0,
        bias_rate=0.001 if strategy == "loss_free" else 0.0,  # above 0 where there is a bias
    )


def _mismatch(stored: Tensor | None, wanted: Tensor | None, fixed: Tensor | None) -> str | None:
    if stored is None:
        return "is missing"
    if wanted is None:
        return "is in no model of the bench"
    if stored.shape != wanted.shape:
        return f"has the shape {tuple(stored.shape)}, and not {tuple(wanted.shape)}"
    if fixed is not None and not torch.equal(stored.float(), fixed):
        return "does something, and models of the bench have no such part"
    return None
