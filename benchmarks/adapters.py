"""Step time, tokens/s and memory of adapters against full fine-tuning and LoRA on attention.

The bases are random: what a step costs does not depend on what a model knows. ``own``: the model of
the scale ``seed``, in fp32. ``olmoe``: layers of the shape of OLMoE-1B-7B (arXiv 2409.02060), by
transformers, in bf16: few enough of them that full fine-tuning fits.
"""

import argparse
import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from itertools import count
from pathlib import Path

import timing  # before torch

# isort: split
import numpy as np
import torch
from outcome import publish

from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.base import Base, HubBase, OwnBase
from moe_core.adapters.config import AdapterConfig, Method
from moe_core.adapters.labels import LABELS
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.transformer import build
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer
from moe_core.training.process import prepare_process

RANK, ALPHA = 16, 32.0
ADAPTERS, TOP_K = 8, 2
LORA_TARGETS = {"own": ["attention.qkv", "attention.out"], "olmoe": ["q_proj", "v_proj"]}
ROUTING = MoEConfig(
    strategy="softk_pre",
    router="linear",
    num_experts=ADAPTERS,
    top_k=TOP_K,
    capacity_factor=1.25,
    drop_policy="position",
    shared_hidden=0,
    jitter=0.0,
    bias_rate=0.0,
)


def own_base(layers: int, vocabulary: int, device: str = "cpu") -> Base:
    """The bench's model at its largest scale."""
    moe = ROUTING.model_copy(update={"strategy": "softk"})
    config = TransformerConfig(
        dim=256,
        layers=layers,
        heads=4,
        ffn_hidden=1024,
        activation="gelu",
        tied_head=True,
        moe=moe,
    )
    return OwnBase(build(config, torch.ones(vocabulary), seed=0))


def olmoe_base(layers: int, vocabulary: int, device: str) -> Base:
    """OLMoE-1B-7B with fewer layers and a smaller vocabulary."""
    from transformers import OlmoeConfig, OlmoeForCausalLM

    torch.manual_seed(0)
    config = OlmoeConfig(
        vocab_size=vocabulary,
        num_hidden_layers=layers,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    with torch.device(device):
        return HubBase(OlmoeForCausalLM(config).to(torch.bfloat16))


BASES: dict[str, Callable[[int, int, str], Base]] = {"own": own_base, "olmoe": olmoe_base}


def adapter(method: Method, base: str) -> AdapterConfig:
    """One setting of each method; PERFT-D and PERFT-R hold as many adapters."""
    many = method in ("perft_r", "perft_d")
    return AdapterConfig(
        peft_type=method,
        r=0 if method == "full" else RANK,
        lora_alpha=ALPHA,
        num_adapters=ADAPTERS if many else 1,
        routing=ROUTING if method == "perft_r" else None,
        target_modules=LORA_TARGETS[base] if method == "lora" else None,
    )


def training(given: argparse.Namespace, precision: str) -> TrainingConfig:
    """As the study trains adapters."""
    return TrainingConfig.model_validate(
        {
            "batch_size": given.batch,
            "seq_len": given.sequence,
            "steps": 100_000,
            "learning_rate": 1e-4,
            "warmup_steps": 10,
            "final_learning_rate_fraction": 0.1,
            "weight_decay": 0.0,
            "grad_clip": 1.0,
            "switch_coef": 0.01,
            "balance_sequences": None,
            "z_coef": 0.001,
            "precision": precision,
            "compile": False,
            "dispatch": "auto",
            "evaluate_every": 1000,
            "valid_tokens": 1,
            "test_tokens": 1,
            "health": HealthConfig(
                max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
            ),
        }
    )


def measure(given: argparse.Namespace) -> dict[str, dict]:
    """A row a method."""
    vocabulary = 2048
    tokens = np.random.default_rng(0).integers(0, vocabulary, 200_000).astype(np.uint16)
    config = training(given, "bf16" if given.base == "olmoe" else "fp32")
    trainers: dict[str, Trainer] = {}
    for method in given.methods:
        base = BASES[given.base](given.layers, vocabulary, given.device)
        if method == "full":
            base.float()  # what is trained is kept in fp32
        model = AdaptedModel(base, adapter(method, given.base), torch.ones(vocabulary), seed=0)
        trainers[method] = Trainer(model, tokens, config, 0, given.device)
    steps = {name: stepper(trainer) for name, trainer in trainers.items()}
    timings = timing.interleaved(steps, given.rounds, given.device, given.budget)
    rows = {}
    for name, trainer in trainers.items():
        peak = timing.peak_extra_bytes(steps[name], trainer.optimiser.zero_grad, given.device)
        state = sum(t.numel() * t.element_size() for t in moments(trainer))
        model = trainer.model
        rows[name] = {
            "label": LABELS[name],
            **timings[name].as_dict(),
            "tokens_per_s": given.batch * given.sequence / timings[name].seconds,
            "optimiser_bytes": state,
            "step_peak_bytes": peak,
            **model.parameter_counts(),
        }
    for row in rows.values():
        row["step_over_full"] = row["ms"] / rows["full"]["ms"] if "full" in rows else None
        row["step_over_lora"] = row["ms"] / rows["lora"]["ms"] if "lora" in rows else None
    return rows


def stepper(trainer: Trainer) -> Callable[[], object]:
    """One optimiser step after the other."""
    done = count()
    return lambda: trainer.step(next(done))


def moments(trainer: Trainer) -> list[torch.Tensor]:
    """What AdamW keeps of each trained number."""
    return [state for kept in trainer.optimiser.kept.values() for state in kept.values()]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--base", choices=BASES, default="own")
    arguments.add_argument("--layers", type=int, default=4)
    arguments.add_argument("--batch", type=int, default=16)
    arguments.add_argument("--sequence", type=int, default=128)
    arguments.add_argument("--methods", nargs="+", choices=LABELS, default=[*LABELS])
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--budget", type=float, default=600, help="seconds of timing")
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    process = prepare_process(given.device, given.threads)
    rows = measure(given)
    settings = {k: v for k, v in vars(given).items() if k not in ("out", "methods")}
    result = {
        "settings": settings
        | {"rank": RANK, "lora_alpha": ALPHA, "adapters": ADAPTERS, "top_k": TOP_K},
        "process": process.as_dict(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("torch", "transformers")},
        "methods": rows,
    }
    publish(json.loads(json.dumps(result)), given.out)


if __name__ == "__main__":
    main()
