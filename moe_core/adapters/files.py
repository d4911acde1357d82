"""Adapters as files, laid out as the library peft has them: LoRA goes there and comes back.

``adapter_config.json`` holds what an AdapterConfig does, by peft's names, and
``adapter_model.safetensors`` the tensors, ``base_model.model.<module>.lora_A.weight`` (r, D) and
``.lora_B.weight`` (O, r). PERFT, which peft does not know, keeps the layout: ``peft_type`` is
``PERFT_R`` and so on, ``num_adapters`` and ``routing`` stand beside, matrices are stacked (N, r, D)
and (N, O, r), and the tensors of routers go by their own names.
"""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.config import AdapterConfig
from moe_core.errors import StudyError
from moe_core.provenance import write_atomic

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
# of peft: each makes the same tensors mean something else
OTHER_LORA = (
    "alora_invocation_tokens",
    "alpha_pattern",
    "arrow_config",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "rank_pattern",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "use_rslora",
    "velora_config",
)


def save_adapter(folder: Path, model: AdaptedModel, base_name: str) -> None:
    """Write the adapters of a model, the configuration last, to a folder that is made if missing.

    base_name: what the base is called, a folder or a name on the hub; kept for the reader. Raises
    StudyError for full fine-tuning, which has no adapter.
    """
    config = model.config
    if config.peft_type == "full":
        raise StudyError("peft_type", "full fine-tuning is no adapter", "save the base's weights")
    # peft's class for this task asks models for it
    generates = hasattr(model.base.model, "prepare_inputs_for_generation")
    told: dict[str, Any] = {
        "base_model_name_or_path": base_name,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": 0.0,
        "peft_type": config.peft_type.upper(),
        "r": config.r,
        "target_modules": config.target_modules,
        "task_type": "CAUSAL_LM" if generates else None,
    }
    if config.peft_type != "lora":
        told["num_adapters"] = config.num_adapters
        told["routing"] = config.routing.model_dump(mode="json") if config.routing else None
    tensors = {key: tensor.contiguous().cpu() for key, tensor in _tensors(model).items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / TENSORS, save(tensors, {"format": "pt"}))
    write_atomic(folder / CONFIG, json.dumps(told, indent=2, sort_keys=True) + "\n")


def read_config(folder: Path) -> AdapterConfig:
    """What adapters a folder holds, written here or by peft.

    Raises StudyError if the file is missing or wrong, and for kinds of LoRA beyond the plain one.
    """
    path = folder / CONFIG
    try:
        told = json.loads(_read(path))
    except ValueError as error:
        raise StudyError(str(path), f"is not JSON: {error}") from None
    if not isinstance(told, dict):
        raise StudyError(str(path), "is no group of keys")
    for key in OTHER_LORA:
        if told.get(key):
            raise StudyError(f"{path}: {key}", f"{told[key]!r} is not supported", "plain LoRA is")
    try:
        return AdapterConfig(
            peft_type=str(told.get("peft_type")).lower(),  # type: ignore[arg-type]
            r=told.get("r"),  # type: ignore[arg-type]
            lora_alpha=told.get("lora_alpha"),  # type: ignore[arg-type]
            num_adapters=told.get("num_adapters", 1),
            routing=told.get("routing"),
            target_modules=told.get("target_modules"),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        shown = f"{first['input']!r} is wrong" if name else "is wrong"
        raise StudyError(f"{path}: {name}".rstrip(": "), f"{shown}: {first['msg']}") from None


@torch.no_grad()
def load_adapter(folder: Path, model: AdaptedModel) -> None:
    """Set a model's adapters to those of a folder, written here or by peft; all of them or none.

    The model is one of ``read_config(folder)`` on the base that they were trained on. Raises
    StudyError where the files are missing or not what they should be, and if they do not fit.
    """
    path, config = folder / TENSORS, read_config(folder)
    for key in ("peft_type", "r", "lora_alpha", "num_adapters", "routing"):
        theirs, ours = getattr(config, key), getattr(model.config, key)
        if theirs != ours:
            raise StudyError(f"{folder / CONFIG}: {key}", f"is {theirs}, and {ours} of this model")
    try:
        found = load(_read(path))
    except SafetensorError as error:
        raise StudyError(str(path), f"is no safetensors file: {error}") from None
    wanted = _tensors(model)
    for key in sorted(found.keys() ^ wanted.keys()):
        whose = "the model has no such adapter" if key in found else "is missing"
        raise StudyError(f"{path}: {key}", whose, "take the base and modules it was trained on")
    for key, tensor in wanted.items():
        theirs, ours = tuple(found[key].shape), tuple(tensor.shape)
        if theirs != ours:
            raise StudyError(
                f"{path}: {key}",
                f"has the shape {theirs}, and {ours} in this model",
                "take the base that it was trained on",
            )
    for key, tensor in wanted.items():
        tensor.copy_(found[key])


def _tensors(model: AdaptedModel) -> dict[str, Tensor]:
    """The model's own tensors, not copies, by their names in the file."""
    single = model.config.peft_type == "lora"  # a bank of one
    tensors = {}
    for name, tensor in model.stored_tensors().items():
        matrix = name.endswith((".lora_A", ".lora_B"))
        key = f"base_model.model.{name}{'.weight' if matrix else ''}"
        tensors[key] = tensor[0] if single else tensor
    return tensors


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StudyError(str(path), f"cannot be read: {error.strerror}") from None
