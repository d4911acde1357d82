"""LoRA of this bench beside peft's: the same base, initial adapters and batches; loss and speed.

    python benchmarks/lora_against_peft.py --out lora_against_peft.json

A base is trained on built-in stories, then LoRA on its attention, twice on other stories: by
AdaptedModel and Trainer, and by peft's PeftModel, which reads its initial adapters from the files
that ``save_adapter`` wrote, in a plain loop with the same optimiser and schedule. Seconds are of
single steps that take turns, after training. Nothing is dropped and no balance loss is added, for
peft has neither.
"""

import argparse
import statistics
import sys
import tempfile
from copy import deepcopy
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import (
    Timing,
    interleaved,
)  # before torch, which reads settings when it loads

# isort: split
import numpy as np
import torch
import torch.nn.functional as F
from peft import PeftModel
from torch import Tensor, nn

from benchmarks.outcome import publish
from moe_core.adapters.adapted import AdaptedModel
from moe_core.adapters.base import OwnBase
from moe_core.adapters.config import AdapterConfig
from moe_core.adapters.files import save_adapter
from moe_core.corpus.batches import training_batch
from moe_core.corpus.builtin_stories import builtin_stories
from moe_core.corpus.tokenization import character_tokenizer, encode_stories, token_dtype
from moe_core.model.config import MoEConfig, TransformerConfig
from moe_core.model.moe_layer import DROPLESS
from moe_core.model.transformer import Transformer, build
from moe_core.provenance import environment
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import Trainer, learning_rate_at
from moe_core.training.optimiser import ClippedAdamW
from moe_core.training.process import prepare_process

MODEL = TransformerConfig(
    dim=96,
    layers=2,
    heads=3,
    ffn_hidden=96,
    activation="swiglu",
    tied_head=True,
    moe=MoEConfig(
        strategy="softk",
        router="linear",
        num_experts=8,
        top_k=2,
        capacity_factor=1.25,
        drop_policy="position",
        shared_hidden=0,
        jitter=0.0,
        bias_rate=0.0,
    ),
)
LORA = AdapterConfig(
    peft_type="lora",
    r=8,
    lora_alpha=16.0,
    num_adapters=1,
    routing=None,
    target_modules=["attention.qkv", "attention.out"],
)


class PeftLoop:
    """A model that peft adapted, trained as Trainer trains ours; ``step`` returns the loss."""

    def __init__(
        self, model: nn.Module, tokens: np.ndarray, config: TrainingConfig, seed: int
    ) -> None:
        self.model, self.tokens, self.config, self.seed = model, tokens, config, seed
        self.optimiser = ClippedAdamW(model, config.weight_decay, config.grad_clip)

    def step(self, step: int) -> Tensor:
        config = self.config
        inputs, targets = training_batch(
            self.tokens, config.batch_size, config.seq_len, self.seed, step
        )
        self.optimiser.zero_grad()
        logits_BSV, _ = self.model(inputs, DROPLESS)
        loss = F.cross_entropy(logits_BSV.flatten(0, 1), targets.flatten())
        loss.backward()
        self.optimiser.step(learning_rate_at(step, config))
        return loss.detach()


def pair(
    base: Transformer,
    counts_V: Tensor,
    lora: AdapterConfig,
    tokens: np.ndarray,
    config: TrainingConfig,
    seed: int,
) -> tuple[Trainer, PeftLoop]:
    """Two trainings of the same LoRA from the same start, ours and peft's."""
    twin = deepcopy(base).eval()
    ours = AdaptedModel(OwnBase(base), lora, counts_V, seed)
    with tempfile.TemporaryDirectory() as folder:
        save_adapter(Path(folder), ours, "the same base")
        theirs = PeftModel.from_pretrained(twin, folder, is_trainable=True)
    return Trainer(ours, tokens, config, seed, "cpu"), PeftLoop(theirs, tokens, config, seed)


def training(steps: int, learning_rate: float) -> TrainingConfig:
    return TrainingConfig(
        batch_size=8,
        seq_len=128,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=10,
        final_learning_rate_fraction=0.1,
        weight_decay=0.1,
        grad_clip=1.0,
        switch_coef=0.01,
        balance_sequences=None,
        z_coef=0.001,
        precision="fp32",
        compile=False,
        dispatch="auto",
        evaluate_every=steps,
        valid_tokens=1,
        test_tokens=1,
        health=HealthConfig(
            max_loss_over_uniform=3.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
        ),
    )


def corpora(stories: int) -> tuple[list[np.ndarray], Tensor]:
    """Character tokens of two sets of stories, and counts_V of the first."""
    texts = [[*builtin_stories(seed, stories)] for seed in (0, 1)]
    tokenizer = character_tokenizer(text for half in texts for text in half)
    tokens = []
    with tempfile.TemporaryDirectory() as folder:
        for half in texts:
            encoded = encode_stories(tokenizer, half, Path(folder) / "tokens.bin")
            dtype = token_dtype(encoded.counts_V.size)
            tokens.append(np.fromfile(Path(folder) / "tokens.bin", dtype))
            if len(tokens) == 1:
                counts_V = torch.from_numpy(encoded.counts_V)
    return tokens, counts_V


def median_ms(taken: Timing) -> float:
    """Of all samples, disturbed ones too: on a busy machine the better of two rates to compare."""
    return statistics.median([*taken.clean, *taken.disturbed]) * 1e3


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--stories", type=int, default=1000, help="of the base, and of LoRA")
    arguments.add_argument("--base-steps", type=int, default=200)
    arguments.add_argument("--steps", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=30, help="timed steps of each")
    arguments.add_argument("--budget", type=float, default=60, help="seconds of timing")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    process = prepare_process("cpu", given.threads)
    (first, second), counts_V = corpora(given.stories)
    base = build(MODEL, counts_V, 0)
    of_base = Trainer(base, first, training(given.base_steps, 3e-3), 0, "cpu")
    base_losses = [float(of_base.step(step)) for step in range(given.base_steps)]
    other = AdaptedModel(OwnBase(deepcopy(base)), LORA, counts_V, 1)
    ours, theirs = pair(base, counts_V, LORA, second, training(given.steps, 3e-3), 0)
    losses = [(float(ours.step(i)), float(theirs.step(i))) for i in range(given.steps)]
    of_other = Trainer(other, second, ours.config, 0, "cpu")
    apart = [abs(float(of_other.step(i)) - a) for i, (a, _) in enumerate(losses)]
    last = given.steps - 1
    timings = interleaved(
        {"ours": lambda: ours.step(last), "peft": lambda: theirs.step(last)},
        given.rounds,
        "cpu",
        given.budget,
    )
    result = {
        "environment": environment(),
        "versions": {"peft": metadata.version("peft")},
        "process": process.as_dict(),
        "model": MODEL.model_dump(),
        "lora": LORA.model_dump(),
        "trained_parameters": ours.model.trained_parameters(),
        "training": ours.config.model_dump(),
        "base_loss": [round(base_losses[0], 6), round(base_losses[-1], 6)],
        "largest_difference": max(abs(a - b) for a, b in losses),
        "largest_difference_of_two_starts": max(apart),
        "step": {
            name: taken.as_dict() | {"ms_of_all_samples": median_ms(taken)}
            for name, taken in timings.items()
        },
        "losses": {
            "ours": [round(a, 6) for a, _ in losses],
            "peft": [round(b, 6) for _, b in losses],
        },
    }
    publish(result, given.out)


if __name__ == "__main__":
    main()
