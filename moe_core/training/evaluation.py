"""Read a split with a model in one mode of routing: quality, and what the routers decided."""

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_core.corpus.batches import EvaluationWindows
from moe_core.measure.metrics import (
    bits_per_byte,
    coactivation_EE,
    coactivation_max,
    dead_experts,
    gini,
    load_cv,
    marginal_entropy,
    max_violation,
    router_entropy,
    top1_margin,
)
from moe_core.model.config import MoEConfig
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import Mode
from moe_core.routing import registry
from moe_core.routing.balance import switch_loss, z_loss
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer


@dataclass(frozen=True)
class Quality:
    """loss: mean nats per token over whole stories; perplexity = exp(loss)."""

    loss: float
    perplexity: float
    bits_per_byte: float


@dataclass(frozen=True)
class RoutingMeasures:
    """Means over MoE layers; None where a model has no router.

    drop_rate: share of assignments dropped. token_drop_rate: share of tokens that no expert
    processed. assignments_per_token: kept ones, over all steps of a layer. load_cv, max_vio, gini,
    dead_experts: from the load of the whole split before dropping. coactivation_max: None where no
    token has two experts. switch_loss: of each batch, then averaged by tokens.
    """

    drop_rate: float
    token_drop_rate: float
    assignments_per_token: float
    load_cv: float
    max_vio: float
    gini: float
    dead_experts: float
    coactivation_max: float | None
    router_entropy_nats: float | None
    marginal_entropy_nats: float | None
    top1_margin: float | None
    switch_loss: float | None
    z_loss: float | None


@dataclass(frozen=True)
class Reading:
    """One pass over a split.

    nats_per_story: float64, one a story. routing, counts_LVE and choices_LTE are None for a dense
    model: counts_LVE, assignments by layer, token id and expert, before dropping; choices_LTE,
    bool, of the first batch. columns: what else is known of each story, by name.
    """

    quality: Quality
    nats_per_story: np.ndarray
    routing: RoutingMeasures | None
    counts_LVE: np.ndarray | None
    choices_LTE: Tensor | None
    columns: dict[str, np.ndarray] = field(default_factory=dict)


class LayerTally:
    """Sums over batches for one layer, or for one step of a sequential one."""

    def __init__(self, num_experts: int, vocab_size: int) -> None:
        self.counts_VE = torch.zeros(vocab_size * num_experts, dtype=torch.int64)
        self.coactivation_EE = torch.zeros(num_experts, num_experts, dtype=torch.int64)
        self.prob_sum_E = torch.zeros(num_experts, dtype=torch.float64)
        self.shape = (vocab_size, num_experts)
        self.tokens = self.assignments = self.kept = self.unprocessed = 0
        self.logit_sums = torch.zeros(4, dtype=torch.float64)
        self.choices_TE: Tensor | None = None

    def add(self, layer: RoutedLayer) -> None:
        routing = layer.routing
        id_A = layer.context.token_id_T[routing.token_A]
        pair_A = id_A * routing.num_experts + routing.expert_A
        self.counts_VE += torch.bincount(pair_A, minlength=self.counts_VE.numel()).cpu()
        self.coactivation_EE += coactivation_EE(routing).cpu()
        self.tokens += routing.num_tokens
        self.assignments += routing.kept_A.numel()
        self.kept += int(routing.kept_A.sum())
        self.unprocessed += int((routing.kept_per_token_T() == 0).sum())
        if self.choices_TE is None:
            self.choices_TE = torch.zeros(routing.num_tokens, routing.num_experts, dtype=torch.bool)
            self.choices_TE[routing.token_A.cpu(), routing.expert_A.cpu()] = True
        z_TE = layer.logits_TE
        if z_TE is not None:
            self.prob_sum_E += z_TE.double().softmax(-1).sum(0).cpu()
            balance = switch_loss(z_TE, routing, len(z_TE))
            terms = (router_entropy(z_TE), top1_margin(z_TE), balance, z_loss(z_TE))
            # by token, for the last batch may be smaller than the others
            self.logit_sums += routing.num_tokens * torch.stack([t.double().cpu() for t in terms])

    def measures(self) -> RoutingMeasures:
        load_E = self.counts_VE.view(self.shape).sum(0)
        entropy, margin, balance, z = (self.logit_sums / self.tokens).tolist()
        has_router = bool(self.prob_sum_E.any())
        together = coactivation_max(self.coactivation_EE)
        return RoutingMeasures(
            drop_rate=1 - self.kept / self.assignments if self.assignments else 0.0,
            token_drop_rate=self.unprocessed / self.tokens,
            assignments_per_token=self.kept / self.tokens,
            load_cv=load_cv(load_E),
            max_vio=max_violation(load_E),
            gini=gini(load_E),
            dead_experts=dead_experts(load_E),
            coactivation_max=None if np.isnan(together) else together,
            router_entropy_nats=entropy if has_router else None,
            marginal_entropy_nats=marginal_entropy(self.prob_sum_E) if has_router else None,
            top1_margin=margin if has_router else None,
            switch_loss=balance if has_router else None,
            z_loss=z if has_router else None,
        )


class Tally:
    """What the layers of a model decided, summed over batches."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self.layers: list[LayerTally] = []

    def add(self, routed: list[RoutedLayer]) -> None:
        """One batch."""
        self.layers = self.layers or [
            LayerTally(layer.routing.num_experts, self.vocab_size) for layer in routed
        ]
        for tally, layer in zip(self.layers, routed, strict=True):
            tally.add(layer)

    def reading(self, quality: Quality, nats_N: Tensor, steps: int) -> Reading:
        """With the means over layers; steps: of each."""
        if not self.layers:
            return Reading(quality, nats_N.numpy(), None, None, None)
        return Reading(
            quality,
            nats_N.numpy(),
            _mean([layer.measures() for layer in self.layers], steps),
            torch.stack([layer.counts_VE.view(layer.shape) for layer in self.layers]).numpy(),
            torch.stack([t.choices_TE for t in self.layers if t.choices_TE is not None]),
        )


def routing_steps(moe: MoEConfig | None) -> int:
    """Routed steps of a layer: several in a sequential strategy."""
    return moe.top_k if moe and registry.declaration(moe.strategy)["sequential"] else 1


@torch.no_grad()
def evaluate(
    model: LanguageModel,
    windows: EvaluationWindows,
    batch_size: int,
    precision: AbstractContextManager[object],
    mode: Mode,
    draws: Draws | None = None,
) -> Reading:
    """One pass over the windows. Draws nothing from the streams of training."""
    device = next(model.parameters()).device
    tally = Tally(model.vocab_size)
    nats_N = torch.zeros(windows.stories, dtype=torch.float64)
    model.eval()
    for start in range(0, len(windows.inputs_NS), batch_size):
        rows = slice(start, start + batch_size)
        inputs = windows.inputs_NS[rows].to(device)
        with precision:
            logits_BSV, routed = model(inputs, mode, draws)
        targets = windows.targets_NS[rows].flatten().to(device)
        loss_T = F.cross_entropy(logits_BSV.flatten(0, 1).float(), targets, reduction="none")
        story_T = windows.story_NS[rows].flatten()
        counts = story_T >= 0
        nats_N.index_add_(0, story_T[counts], loss_T.double().cpu()[counts])
        tally.add(routed)
    model.train()
    nats, counted = float(nats_N.sum()), int((windows.story_NS >= 0).sum())
    loss = nats / counted
    with np.errstate(over="ignore"):  # of a run that diverged
        quality = Quality(loss, float(np.exp(loss)), bits_per_byte(nats, windows.bytes))
    return tally.reading(quality, nats_N, routing_steps(model.routing))


def _mean(tallied: list[RoutingMeasures], steps: int) -> RoutingMeasures:
    """Means over layers and their steps, but assignments add up over the steps of a layer."""
    rows = [asdict(measures) for measures in tallied]
    means: dict[str, Any] = {}
    for key in rows[0]:
        values = [row[key] for row in rows]
        means[key] = None if None in values else sum(values) / len(values)
    means["assignments_per_token"] *= steps
    return RoutingMeasures(**means)
