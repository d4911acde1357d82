"""Read a split with a model: quality without drops, load and drops as training meets them."""

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F

from moe_core.corpus.batches import EvaluationWindows
from moe_core.measure.metrics import (
    bits_per_byte,
    dead_experts,
    load_cv,
    max_violation,
    router_entropy,
)
from moe_core.model.moe_layer import RoutedLayer
from moe_core.model.transformer import Transformer
from moe_core.routing.balance import switch_loss, z_loss


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
    processed. load_cv, max_vio, dead_experts: from the load of the whole split before dropping.
    switch_loss: of each batch, as in training, then averaged by tokens.
    """

    drop_rate: float
    token_drop_rate: float
    assignments_per_token: float
    load_cv: float
    max_vio: float
    dead_experts: float
    router_entropy_nats: float | None
    switch_loss: float | None
    z_loss: float | None


class _LayerTally:
    """Sums over batches for one layer."""

    def __init__(self, num_experts: int) -> None:
        self.load_E = torch.zeros(num_experts, dtype=torch.int64)
        self.tokens = self.assignments = self.kept = self.unprocessed = 0
        self.logit_sums = torch.zeros(3, dtype=torch.float64)
        self.has_router = False

    def add(self, layer: RoutedLayer) -> None:
        routing = layer.routing
        load_E = routing.load_E()
        self.load_E += load_E.cpu()
        self.tokens += routing.num_tokens
        self.assignments += routing.kept_A.numel()
        self.kept += int(routing.kept_A.sum())
        self.unprocessed += int((routing.kept_per_token_T() == 0).sum())
        if layer.logits_TE is not None:
            self.has_router = True
            terms = (
                router_entropy(layer.logits_TE),
                switch_loss(layer.logits_TE, load_E),
                z_loss(layer.logits_TE),
            )
            # by token, for the last batch may be smaller than the others
            self.logit_sums += routing.num_tokens * torch.stack([t.double().cpu() for t in terms])

    def measures(self) -> RoutingMeasures:
        entropy, balance, z = (self.logit_sums / self.tokens).tolist()
        return RoutingMeasures(
            drop_rate=1 - self.kept / self.assignments,
            token_drop_rate=self.unprocessed / self.tokens,
            assignments_per_token=self.kept / self.tokens,
            load_cv=load_cv(self.load_E),
            max_vio=max_violation(self.load_E),
            dead_experts=dead_experts(self.load_E),
            router_entropy_nats=entropy if self.has_router else None,
            switch_loss=balance if self.has_router else None,
            z_loss=z if self.has_router else None,
        )


@torch.no_grad()
def evaluate(
    model: Transformer,
    windows: EvaluationWindows,
    batch_size: int,
    precision: AbstractContextManager[object],
    dropless: bool,
    drop_stream: torch.Generator | None = None,
) -> tuple[Quality, RoutingMeasures | None]:
    """One pass over the windows. Draws nothing from the streams of training."""
    device = next(model.parameters()).device
    moe = model.config.moe
    tallies = [_LayerTally(moe.num_experts) for _ in range(model.config.layers)] if moe else []
    nats, counted = 0.0, 0
    model.eval()
    for start in range(0, len(windows.inputs_NS), batch_size):
        rows = slice(start, start + batch_size)
        inputs = windows.inputs_NS[rows].to(device)
        with precision:
            logits_BSV, layers = model(inputs, dropless, drop_stream)
        counts = windows.story_NS[rows].flatten().to(device) >= 0
        targets = windows.targets_NS[rows].flatten().to(device)
        loss_T = F.cross_entropy(logits_BSV.flatten(0, 1).float(), targets, reduction="none")
        nats += float(loss_T.double()[counts].sum())
        counted += int(counts.sum())
        for tally, layer in zip(tallies, layers, strict=True):
            tally.add(layer)
    model.train()
    loss = nats / counted
    quality = Quality(loss, float(torch.tensor(loss).exp()), bits_per_byte(nats, windows.bytes))
    return quality, _mean([t.measures() for t in tallies]) if tallies else None


def _mean(layers: list[RoutingMeasures]) -> RoutingMeasures:
    rows = [asdict(layer) for layer in layers]
    means: dict[str, Any] = {
        key: None if rows[0][key] is None else sum(row[key] for row in rows) / len(rows)
        for key in rows[0]
    }
    return RoutingMeasures(**means)
