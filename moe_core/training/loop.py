"""The training loop: AdamW, warm-up and cosine, balance losses, evaluation between steps."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows, training_batch
from moe_core.errors import StudyError
from moe_core.measure.metrics import gradient_norm
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING, Mode
from moe_core.model.transformer import Transformer
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.balance import switch_loss, update_bias, z_loss
from moe_core.routing.strategy import RoutedLayer, Strategy
from moe_core.training.config import Precision, TrainingConfig
from moe_core.training.evaluation import Reading, evaluate
from moe_core.training.optimiser import ClippedAdamW


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


def auxiliary_losses(
    strategy: Strategy, layers: list[RoutedLayer], balance_sequences: int | None
) -> dict[str, Tensor]:
    """The terms that a strategy is trained with besides the task, each the mean over layers.

    ``switch``: of strategies balanced by it. ``z``: where a trained router feeds a softmax and the
    strategy brings no loss of its own. ``own``: that loss.
    """
    terms: dict[str, Tensor] = {}
    if strategy.reads_logits and strategy.router_gradient != "none":
        routed = [(layer, layer.logits_TE) for layer in layers if layer.logits_TE is not None]
        if strategy.balanced_by == "switch":
            balance = [
                switch_loss(
                    z_TE,
                    layer.routing,
                    layer.sequence * balance_sequences if balance_sequences else len(z_TE),
                )
                for layer, z_TE in routed
            ]
            terms["switch"] = torch.stack(balance).mean()
        if strategy.gate == "softmax" and strategy.balanced_by != "own":
            terms["z"] = torch.stack([z_loss(z_TE) for _, z_TE in routed]).mean()
    if strategy.loss is not None:
        terms["own"] = strategy.loss(layers)
    return terms


def on_device(ids: Tensor, device: str) -> Tensor:
    """Copied without waiting for it, from memory that a GPU can read by itself."""
    return ids if device == "cpu" else ids.pin_memory().to(device, non_blocking=True)


class Trainer:
    """A model with its optimiser; ``step`` makes one update and returns the task loss."""

    def __init__(
        self, model: Transformer, tokens: np.ndarray, config: TrainingConfig, seed: int, device: str
    ) -> None:
        self.model, self.config, self.seed, self.device = model.to(device), config, seed, device
        self.tokens = tokens
        self.optimiser = ClippedAdamW(self.model, config.weight_decay, config.grad_clip)
        self.precision = precision_context(config.precision, device)
        self.forward: Callable[..., Any] = torch.compile(model) if config.compile else model
        self.router_parameters = [p for n, p in model.named_parameters() if "router" in n]
        moe = model.config.moe
        self.strategy = registry.load(moe.strategy) if moe else None
        self.layers: list[RoutedLayer] = []
        self.clipped_by = torch.ones(())
        # first step whose gradient was not finite and its loss, -1 for none
        self.broke_at = torch.tensor([-1.0, 0.0], device=device)
        for layer in model.moe_layers():
            layer.backend = config.dispatch

    def step(self, step: int) -> Tensor:
        """One optimiser step on the batch of this step.

        Does not wait for a GPU: there a gradient that is not finite, whose update is left out, is
        told by ``check`` only. On a CPU raises StudyError at once.
        """
        config = self.config
        inputs, targets = (
            on_device(ids, self.device)
            for ids in training_batch(
                self.tokens, config.batch_size, config.seq_len, self.seed, step
            )
        )
        drop_stream = stream(self.seed, "drops", step)
        with self.precision:
            logits_BSV, self.layers = self.forward(inputs, generator=drop_stream)
        task_loss = F.cross_entropy(logits_BSV.flatten(0, 1).float(), targets.flatten())
        loss = task_loss
        if self.strategy is not None:
            weight = {"switch": config.switch_coef, "z": config.z_coef, "own": 1.0}
            terms = auxiliary_losses(self.strategy, self.layers, config.balance_sequences)
            loss = loss + sum(weight[name] * term for name, term in terms.items())
        self.optimiser.zero_grad()
        loss.backward()
        task_loss = task_loss.detach()
        norm, self.clipped_by = self.optimiser.step(learning_rate_at(step, config))
        first = (self.broke_at[0] < 0) & ~norm.isfinite()
        broke = torch.stack([torch.full_like(task_loss, step), task_loss])
        self.broke_at = torch.where(first, broke, self.broke_at)
        if self.device == "cpu":
            self.check()
        self._update_states()
        return task_loss

    def check(self) -> None:
        """Raises StudyError if the gradient of any step was not finite."""
        step, loss = self.broke_at.tolist()
        if step >= 0:
            raise StudyError(
                "training",
                f"the gradient is not finite at step {step:.0f} (loss {loss})",
                "lower training.learning_rate",
            )

    def router_grad_norm(self) -> float:
        """Norm of the last gradient of the routers, before clipping; 0 without any."""
        return float(gradient_norm(self.router_parameters) / self.clipped_by)

    def _update_states(self) -> None:
        """Move what layers carry from step to step by what they decided in this one."""
        moe = self.model.config.moe
        if self.strategy is None or moe is None:
            return
        if moe.bias_rate:
            for layer in self.layers:
                update_bias(layer.context.state["bias_E"], layer.routing.load_E(), moe.bias_rate)
        if self.strategy.update is not None:
            self.strategy.update(self.layers)


def train(
    trainer: Trainer,
    valid: EvaluationWindows,
    report: Callable[[dict[str, Any], float], None],
) -> list[Tensor]:
    """All steps; ``report`` gets a row of metrics, and tokens/s, at each evaluation.

    Returns the choices_LTE of the first batch of ``valid`` at each evaluation, none if dense.
    The rate is for the eye of a person who waits, evaluation excluded; the bench measures it
    apart. Evaluations happen every ``evaluate_every`` steps and after the last.
    """
    config = trainer.config
    losses: list[Tensor] = []
    choices: list[Tensor] = []
    since = time.perf_counter()
    for step in range(config.steps):
        losses.append(trainer.step(step))
        done = step + 1
        if done % config.evaluate_every and done != config.steps:
            continue
        trainer.check()
        train_loss = float(torch.stack(losses).mean())
        rate = len(losses) * config.batch_size * config.seq_len / (time.perf_counter() - since)
        row = {
            "step": done,
            "train_tokens": done * config.batch_size * config.seq_len,
            "learning_rate": learning_rate_at(step, config),
            "train_loss": train_loss,
            "router_grad_norm": trainer.router_grad_norm(),
        }
        measured = measure(trainer, valid)
        if measured.limited.choices_LTE is not None:
            choices.append(measured.limited.choices_LTE)
        report(row | measured.measures, rate)
        losses, since = [], time.perf_counter()
    return choices


@dataclass(frozen=True)
class Measured:
    """A trained model on one split.

    measures: scalars by name. causal, train_mode: the passes behind them; limited: the one at the
    capacity of training.
    """

    measures: dict[str, Any]
    causal: Reading
    train_mode: Reading
    limited: Reading


def measure(trainer: Trainer, windows: EvaluationWindows) -> Measured:
    """Quality by the rule of a decoder and by that of training; drops and load as in training.

    Causal mode: the rule that a decoder can use, dropless; it ranks. Train mode: the rule of
    training, dropless where tokens choose. Their difference, causal less train mode, is the leak
    premium. Drops and load come from a pass at the capacity of training. Passes that would be
    equal are made once.
    """

    def read(mode: Mode) -> Reading:
        return evaluate(
            trainer.model,
            windows,
            trainer.config.batch_size,
            trainer.precision,
            mode,
            stream(trainer.seed, "evaluation drops"),
        )

    causal = read(CAUSAL)
    strategy, moe = trainer.strategy, trainer.model.config.moe
    if strategy is None or moe is None:
        return Measured(asdict(causal.quality), causal, causal, causal)
    own_rule = strategy.decode is not None
    drops = moe.drop_policy != "none" and not strategy.steers_k
    limited = read(TRAINING) if own_rule or drops else causal
    train_mode = causal
    if own_rule:
        same = strategy.fills_capacity or moe.drop_policy == "none"
        train_mode = limited if same else read(DROPLESS)
    assert limited.routing is not None
    assert causal.routing is not None
    measures = asdict(causal.quality) | {
        "bits_per_byte_train_mode": train_mode.quality.bits_per_byte,
        "bits_per_byte_at_capacity": limited.quality.bits_per_byte,
        "leak_premium": causal.quality.bits_per_byte - train_mode.quality.bits_per_byte,
        "assignments_per_token_causal": causal.routing.assignments_per_token,
        "load_cv_causal": causal.routing.load_cv,
    }
    return Measured(measures | asdict(limited.routing), causal, train_mode, limited)
