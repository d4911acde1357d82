"""The training loop: AdamW, warm-up and cosine, balance losses, evaluation between steps."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows, training_batch
from moe_core.errors import StudyError
from moe_core.measure.metrics import gradient_norm
from moe_core.model.moe_layer import RoutedLayer
from moe_core.model.transformer import Transformer
from moe_core.random_streams import stream
from moe_core.routing.balance import switch_loss, z_loss
from moe_core.training.config import Precision, TrainingConfig
from moe_core.training.evaluation import evaluate


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then a cosine to a fraction of the peak (SGDR, arXiv 1608.03983, eq. 5)."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)
    floor = config.final_learning_rate_fraction
    return config.learning_rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))


def precision_context(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Autocast for bf16; weights and optimiser state stay fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device, torch.bfloat16)


def optimiser_for(model: Transformer, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101); norms are not decayed."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": norms, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )


def auxiliary_losses(layers: list[RoutedLayer]) -> tuple[Tensor | float, Tensor | float]:
    """Switch loss and z-loss, each the mean over layers that have a router; 0 without any."""
    routed = [(r.logits_TE, r.routing.load_E()) for r in layers if r.logits_TE is not None]
    if not routed:
        return 0.0, 0.0
    balance = torch.stack([switch_loss(z, load) for z, load in routed]).mean()
    return balance, torch.stack([z_loss(z) for z, _ in routed]).mean()


class Trainer:
    """A model with its optimiser; ``step`` makes one update and returns the task loss."""

    def __init__(
        self, model: Transformer, tokens: np.ndarray, config: TrainingConfig, seed: int, device: str
    ) -> None:
        self.model, self.config, self.seed, self.device = model.to(device), config, seed, device
        self.tokens = tokens
        self.optimiser = optimiser_for(model, config)
        self.precision = precision_context(config.precision, device)
        self.forward: Callable[..., Any] = torch.compile(model) if config.compile else model
        self.router_parameters = [p for n, p in model.named_parameters() if ".router." in n]
        self.layers: list[RoutedLayer] = []
        self.router_grad_norm = torch.zeros(())

    def step(self, step: int) -> Tensor:
        """One optimiser step on the batch of this step; raises StudyError on a non-finite loss."""
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(step, config)
        inputs, targets = training_batch(
            self.tokens, config.batch_size, config.seq_len, self.seed, step
        )
        drop_stream = stream(self.seed, "drops", step)
        with self.precision:
            logits_BSV, self.layers = self.forward(inputs.to(self.device), generator=drop_stream)
        task_loss = F.cross_entropy(
            logits_BSV.flatten(0, 1).float(), targets.flatten().to(self.device)
        )
        balance, z = auxiliary_losses(self.layers)
        self.optimiser.zero_grad(set_to_none=True)
        (task_loss + config.switch_coef * balance + config.z_coef * z).backward()
        self.router_grad_norm = gradient_norm(self.router_parameters)  # before clipping
        total_norm = torch.nn.utils.clip_grad_norm_(
            self.model.parameters(), config.grad_clip or math.inf
        )
        if not torch.isfinite(total_norm):
            raise StudyError(
                "training",
                f"the gradient is not finite at step {step} (loss {float(task_loss.detach())})",
                "lower training.learning_rate",
            )
        self.optimiser.step()
        return task_loss.detach()


def train(
    trainer: Trainer,
    valid: EvaluationWindows,
    report: Callable[[dict[str, Any], float], None],
) -> None:
    """All steps; ``report`` gets a row of metrics, and tokens/s, at each evaluation.

    The rate is for the eye of a person who waits, evaluation excluded; the bench measures it
    apart. Evaluations happen every ``evaluate_every`` steps and after the last.
    """
    config = trainer.config
    losses: list[Tensor] = []
    since = time.perf_counter()
    for step in range(config.steps):
        losses.append(trainer.step(step))
        done = step + 1
        if done % config.evaluate_every and done != config.steps:
            continue
        train_loss = float(torch.stack(losses).mean())
        rate = len(losses) * config.batch_size * config.seq_len / (time.perf_counter() - since)
        row = {
            "step": done,
            "train_tokens": done * config.batch_size * config.seq_len,
            "learning_rate": learning_rate_at(step, config),
            "train_loss": train_loss,
            "router_grad_norm": float(trainer.router_grad_norm),
        }
        report(row | measure(trainer, valid), rate)
        losses, since = [], time.perf_counter()


def measure(trainer: Trainer, windows: EvaluationWindows) -> dict[str, Any]:
    """Quality dropless, then drops and load in a second pass at the capacity of training.

    One pass serves both where capacity drops nothing.
    """

    def run(dropless: bool) -> Any:
        return evaluate(
            trainer.model,
            windows,
            trainer.config.batch_size,
            trainer.precision,
            dropless,
            stream(trainer.seed, "evaluation drops"),
        )

    quality, routing = run(dropless=True)
    if routing is None:
        return asdict(quality)
    if trainer.model.drops_tokens():
        limited, routing = run(dropless=False)
    else:
        limited = quality
    return asdict(quality) | {"bits_per_byte_at_capacity": limited.bits_per_byte} | asdict(routing)
