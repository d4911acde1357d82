"""The training loop: AdamW, warm-up and cosine, balance losses, evaluation between steps."""

import math
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows, training_batch
from moe_core.errors import StudyError
from moe_core.measure.metrics import gradient_norm
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING, Mode
from moe_core.random_streams import stream
from moe_core.routing import registry
from moe_core.routing.balance import (
    cv_loss,
    marginal_entropy_loss,
    switch_loss,
    token_entropy_loss,
    update_bias,
    z_loss,
)
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer, Strategy
from moe_core.training.config import ImageTrainingConfig, LoopConfig, Precision, TrainingConfig
from moe_core.training.evaluation import Reading, evaluate
from moe_core.training.expert_shards import ExpertShards
from moe_core.training.health import SickRun, check_health
from moe_core.training.optimiser import ClippedAdamW, ClippedOptimiser, ClippedSgd
from moe_core.training.ranks import ALONE, Ranks
from moe_core.training.shards import detached, largest_cut, shard_rows, whole_batch

IGNORED = -100  # what F.cross_entropy leaves out
# of the gates alone, whatever was chosen
GATE_LOSSES = {
    "cv": cv_loss,
    "marginal_entropy": marginal_entropy_loss,
    "token_entropy": token_entropy_loss,
}


def learning_rate_at(step: int, config: LoopConfig) -> float:
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
    strategy: Strategy,
    layers: list[RoutedLayer],
    balance_sequences: int | None,
    gate_losses: Collection[str] = (),
) -> dict[str, Tensor]:
    """The terms that a strategy is trained with besides the task, each the mean over layers.

    ``switch``: of strategies balanced by it. ``z``: where a trained router feeds a softmax and the
    strategy brings no loss of its own. ``own``: that loss. gate_losses: names of GATE_LOSSES that a
    trained router is given besides.
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
        for name in gate_losses:
            terms[name] = torch.stack([GATE_LOSSES[name](z_TE) for _, z_TE in routed]).mean()
    if strategy.loss is not None:
        terms["own"] = strategy.loss(layers)
    return terms


def on_device(ids: Tensor, device: str) -> Tensor:
    """Copied without waiting for it, from memory that a GPU can read by itself."""
    return ids if device == "cpu" else ids.pin_memory().to(device, non_blocking=True)


def build_optimiser(
    model: LanguageModel,
    config: TrainingConfig | ImageTrainingConfig,
    cut: Collection[str],
    ranks: Ranks,
) -> ClippedOptimiser:
    """AdamW of a language model, SGD of an image model; cut: parameters that ranks share out."""
    if isinstance(config, ImageTrainingConfig):
        return ClippedSgd(
            model, config.weight_decay, config.grad_clip, cut, ranks, momentum=config.momentum
        )
    return ClippedAdamW(model, config.weight_decay, config.grad_clip, cut, ranks)


class Trainer:
    """A model with its optimiser; ``step`` makes one update and returns the task loss.

    micro_batches: parts of a batch (or of a rank's share of it) that go through the model one after
    the other, for less memory and the same update but for rounding. Raises StudyError if the
    strategy must see the whole batch at once, or the batch is too small for so many parts.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokens: np.ndarray,
        config: TrainingConfig | ImageTrainingConfig,
        seed: int,
        device: str,
        micro_batches: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        self.experts = ExpertShards(model, ranks)
        self.model, self.config, self.seed, self.device = model.to(device), config, seed, device
        self.tokens, self.micro_batches, self.ranks = tokens, micro_batches, ranks
        self.optimiser = build_optimiser(self.model, config, self.experts.names, ranks)
        self.precision = precision_context(config.precision, device)
        self.forward: Callable[..., Any] = torch.compile(model) if config.compile else model
        self.router_parameters = [p for n, p in model.named_parameters() if "router" in n]
        moe = model.routing
        self.strategy = registry.load(moe.strategy) if moe else None
        self.vocab_size = model.vocab_size
        shards = micro_batches * ranks.size
        if shards > self.most_parts():
            raise StudyError("training", f"a batch of this run cannot be cut into {shards} parts")
        self.shards = shard_rows(config.batch_size, shards)
        self.layers: list[RoutedLayer] = []
        self.clipped_by = torch.ones(())
        self.restored_norm: float | None = None  # of routers, until there are gradients again
        # first step whose gradient was not finite and its loss, -1 for none
        self.broke_at = torch.tensor([-1.0, 0.0], device=device)
        for layer in model.moe_layers():
            layer.backend = config.dispatch

    def most_parts(self) -> int:
        """Into how many shards a batch can be cut."""
        return largest_cut(self.model.all_routing(), self.config.batch_size)

    def step(self, step: int) -> Tensor:
        """One optimiser step on the batch of this step.

        Does not wait for a GPU: there a gradient that is not finite, whose update is left out, is
        told by ``check`` only. On a CPU raises SickRun at once.
        """
        config = self.config
        inputs, targets = (on_device(ids, self.device) for ids in self.batch(step))
        self.optimiser.zero_grad()
        self.restored_norm = None
        task_loss = self._backward(inputs, targets, step)
        norm, self.clipped_by = self.optimiser.step(learning_rate_at(step, config))
        first = (self.broke_at[0] < 0) & ~norm.isfinite()
        broke = torch.stack([torch.full_like(task_loss, step), task_loss])
        self.broke_at = torch.where(first, broke, self.broke_at)
        if self.device == "cpu":
            self.check()
        self._update_states()
        return task_loss

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step, each B x S; a target of IGNORED counts for nothing."""
        config = self.config
        return training_batch(self.tokens, config.batch_size, config.seq_len, self.seed, step)

    def _backward(self, inputs: Tensor, targets: Tensor, step: int) -> Tensor:
        """Gradients of the batch's loss, added up over its shards; the task loss."""
        if len(self.shards) == 1:
            logits_BSV, self.layers = self._pass(inputs, self.shards[0], step)
            task_loss = F.cross_entropy(logits_BSV.flatten(0, 1).float(), targets.flatten())
            (task_loss + self._auxiliary(self.layers)).backward()
            return task_loss.detach()
        mine = self.shards[self.ranks.rank * self.micro_batches :][: self.micro_batches]
        once = [self._pass(inputs, mine[0], step)] if len(mine) == 1 else []
        with torch.no_grad():  # what the whole batch decides, before any gradient
            decided = [layers for _, layers in once] or [
                self._pass(inputs, rows, step)[1] for rows in mine
            ]
        shards = self.ranks.gather([detached(layers) for layers in decided])
        self.layers = whole_batch(shards)
        sums, counted = torch.zeros((), device=self.device), (targets != IGNORED).sum()
        for place, rows in enumerate(mine, start=self.ranks.rank * self.micro_batches):
            logits_BSV, layers = once.pop() if once else self._pass(inputs, rows, step)
            loss_sum = F.cross_entropy(
                logits_BSV.flatten(0, 1).float(), targets[rows].flatten(), reduction="sum"
            )
            whole = whole_batch([*shards[:place], layers, *shards[place + 1 :]])
            (loss_sum / counted + self._auxiliary(whole)).backward()
            sums += loss_sum.detach()
        # those of experts that one rank has are whole: the rows of all ranks came to it
        self.ranks.add_up([*self.optimiser.gradients(), sums])
        return sums / counted

    def _pass(self, inputs: Tensor, rows: slice, step: int) -> tuple[Tensor, list[RoutedLayer]]:
        """Logits and decisions for some sequences of a batch."""
        size = inputs.shape[1]
        draws = Draws(stream(self.seed, "drops", step), rows.start * size, inputs.numel())
        with self.precision:
            return self.forward(inputs[rows], draws=draws)

    def _auxiliary(self, layers: list[RoutedLayer]) -> Tensor | float:
        """The weighted terms that the strategy is trained with besides the task."""
        config = self.config
        if self.strategy is None:
            return 0.0
        weight = config.loss_weights()
        asked = [name for name in GATE_LOSSES if weight.get(name)]
        terms = auxiliary_losses(self.strategy, layers, config.balance_sequences, asked)
        return sum((weight[name] * term for name, term in terms.items()), 0.0)

    def check(self) -> None:
        """Raises SickRun if the gradient of any step was not finite."""
        step, loss = self.broke_at.tolist()
        if step >= 0:
            detail = f"loss {loss:.4g}; lower training.learning_rate"
            raise SickRun(int(step), "non-finite gradient", detail)

    def router_grad_norm(self) -> float:
        """Norm of the last gradient of the routers, before clipping; 0 without any."""
        if self.restored_norm is not None:
            return self.restored_norm
        return float(gradient_norm(self.router_parameters) / self.clipped_by)

    def tensors(self, with_optimiser: bool = True) -> dict[str, Tensor]:
        """All that the next step depends on: weights, thresholds, biases, the optimiser's state.

        Whole where ranks share out experts: all call it together.
        """
        return self.experts.whole(self._own_tensors(with_optimiser))

    def _own_tensors(self, with_optimiser: bool) -> dict[str, Tensor]:
        found = {f"model.{name}": t for name, t in self.model.stored_tensors().items()}
        norm = torch.tensor(self.router_grad_norm(), dtype=torch.float64)
        own = self.optimiser.tensors(self.model) if with_optimiser else {}
        return found | own | {"router_grad_norm": norm, "broke_at": self.broke_at}

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue from what ``tensors`` gave."""
        own = self._own_tensors(with_optimiser="updates" in tensors)
        for name, tensor in own.items():
            tensor.copy_(self.experts.part(name, tensors[name]))
        self.restored_norm = float(tensors["router_grad_norm"])

    def _update_states(self) -> None:
        """Move what layers carry from step to step by what they decided in this one."""
        moe = self.model.routing
        if self.strategy is None or moe is None:
            return
        if moe.bias_rate:
            for layer in self.layers:
                update_bias(layer.context.state["bias_E"], layer.routing.load_E(), moe.bias_rate)
        if self.strategy.update is not None:
            self.strategy.update(self.layers)


@dataclass
class Progress:
    """How far a run is.

    step: optimiser steps made. losses: task losses of those since the last evaluation. rows: of
    metrics, one an evaluation. choices: choices_LTE of the first batch of ``valid`` at each, none
    if dense.
    """

    step: int = 0
    losses: list[Tensor] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    choices: list[Tensor] = field(default_factory=list)

    def evaluation_due(self, config: LoopConfig) -> bool:
        """Whether the model of this step is to be read on ``valid`` and was not yet."""
        measured = self.rows[-1]["step"] if self.rows else 0
        at_one = self.step % config.evaluate_every == 0 or self.step == config.steps
        return at_one and self.step > measured


class Keeping(Protocol):
    """Who is told how a run goes on, and may stop it between steps by raising."""

    def after_step(self, trainer: Trainer, progress: Progress) -> None: ...
    def after_evaluation(self, trainer: Trainer, progress: Progress) -> None: ...
    def measuring(self, trainer: Trainer, progress: Progress) -> AbstractContextManager[None]: ...


def train(
    trainer: Trainer,
    valid: Any,
    report: Callable[[dict[str, Any], float], None],
    progress: Progress | None = None,
    keeper: Keeping | None = None,
    read: "Measuring | None" = None,
) -> Progress:
    """All steps that are left; ``report`` gets a row of metrics, and tokens/s, at each evaluation.

    read: how ``valid`` is measured, ``measure`` for none.

    The rate is for the eye of a person who waits, evaluation excluded; the bench measures it
    apart. Evaluations happen every ``evaluate_every`` steps and after the last. Raises SickRun
    where going on is of no use.
    """
    config, progress = trainer.config, progress or Progress()
    since, since_step = time.perf_counter(), progress.step
    while True:
        if progress.evaluation_due(config):
            trainer.check()
            steps = progress.step - since_step
            rate = steps * config.batch_size * config.seq_len / (time.perf_counter() - since)
            with keeper.measuring(trainer, progress) if keeper else nullcontext():
                row, choices_LTE = evaluation_row(
                    trainer, (read or measure)(trainer, valid), progress
                )
            check_health([*progress.rows, row], trainer.vocab_size, config.health)
            progress.rows.append(row)
            progress.choices += [] if choices_LTE is None else [choices_LTE]
            progress.losses = []
            report(row, rate)
            if keeper:
                keeper.after_evaluation(trainer, progress)
            since, since_step = time.perf_counter(), progress.step
        if progress.step == config.steps:
            return progress
        progress.losses.append(trainer.step(progress.step))
        progress.step += 1
        if keeper:
            keeper.after_step(trainer, progress)


def evaluation_row(
    trainer: Trainer, measured: "Measured", progress: Progress
) -> tuple[dict[str, Any], Tensor | None]:
    """Metrics of the model as it is, and what its routers chose in the first batch."""
    config = trainer.config
    row = {
        "step": progress.step,
        "train_tokens": progress.step * config.batch_size * config.seq_len,
        "learning_rate": learning_rate_at(progress.step - 1, config),
        "train_loss": float(torch.stack(progress.losses).mean()),
        "router_grad_norm": trainer.router_grad_norm(),
    }
    return row | measured.measures, measured.limited.choices_LTE


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


Measuring = Callable[[Trainer, Any], Measured]


def measure(trainer: Trainer, windows: EvaluationWindows) -> Measured:
    """Stories, read in all modes: see ``measure_modes``."""
    model, config = trainer.model, trainer.config
    return measure_modes(
        trainer,
        lambda mode, draws: evaluate(
            model, windows, config.batch_size, trainer.precision, mode, draws
        ),
    )


def measure_modes(trainer: Trainer, read_in: Callable[[Mode, Draws], Reading]) -> Measured:
    """Quality by the rule of a decoder and by that of training; drops and load as in training.

    Causal mode: the rule that a decoder can use, dropless; it ranks. Train mode: the rule of
    training, dropless where tokens choose. Their difference, causal less train mode, is the leak
    premium. Drops and load come from a pass at the capacity of training. Passes that would be
    equal are made once.
    """

    def read(mode: Mode) -> Reading:
        return read_in(mode, Draws(stream(trainer.seed, "evaluation drops")))

    causal = read(CAUSAL)
    strategy, moe = trainer.strategy, trainer.model.routing
    if strategy is None or moe is None:
        frozen = trainer.model.all_routing()  # under adapters that have no routers of their own
        drops = any(moe.drop_policy != "none" for moe in frozen)
        limited = read(TRAINING) if drops else causal
        routing: dict[str, Any] = asdict(limited.routing) if limited.routing else {}
        if not frozen:  # a base whose routers are none of ours has no capacity to drop at
            routing |= {key: None for key in ("drop_rate", "token_drop_rate") if key in routing}
        return Measured(asdict(causal.quality) | routing, causal, causal, limited)
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
