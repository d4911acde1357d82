"""How choices change where router networks are read in a lower precision.

Two kinds of change against float32. Local: every router is given what it is given in the float32
model, so that its own rounding alone counts. Compounded: the model runs with rounded routers
throughout, and a changed choice changes what all later layers see.

A decision is what one layer, or one step of a sequential one, chooses for one token. Its margin is
what parts the float32 scores of the last expert that it takes and of the first that it leaves: of
logits, of biased scores where a bias moves the choice, and the distance of the nearest score from
its threshold where experts have one. Margins of two strategies have no unit in common, so decisions
are sorted by rank: bin b holds those between shares ``EDGES[b]`` and ``EDGES[b + 1]``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from moe_core.analysis.flip_columns import COLUMNS, COUNTS, EDGES, KINDS, ROUNDED
from moe_core.corpus.batches import EvaluationWindows
from moe_core.model.moe_layer import CAUSAL
from moe_core.model.transformer import Transformer
from moe_core.routing.choice import wanted
from moe_core.routing.router_net import ROUTER_PRECISIONS, RouterPrecision
from moe_core.routing.routing import Routing
from moe_core.routing.scores import Router, routers_in
from moe_core.routing.strategy import RoutedLayer, Strategy
from moe_core.training.evaluation import evaluate, routing_steps

Watch = Callable[[list[RoutedLayer]], None]


@dataclass(frozen=True)
class Choices:
    """Of T tokens in one layer or step: whom they chose, and whom first; E where nobody."""

    chosen_TE: NDArray[np.bool_]
    first_T: NDArray[np.int64]


@dataclass
class Log:
    """Choices of all layers and steps, batch by batch."""

    batches: list[list[Choices]] = field(default_factory=list)

    def add(self, routings: Iterable[Routing]) -> None:
        """One batch."""
        self.batches.append([choices(routing) for routing in routings])

    def watch(self, routed: list[RoutedLayer]) -> None:
        """One batch as a model decided it."""
        self.add(layer.routing for layer in routed)

    def places(self) -> list[Choices]:
        """Of each layer and step in turn, those of all tokens."""
        return [
            Choices(
                np.concatenate([part.chosen_TE for part in parts]),
                np.concatenate([part.first_T for part in parts]),
            )
            for parts in zip(*self.batches, strict=True)
        ]


@dataclass(frozen=True)
class Rounded:
    """A model read with routers in each precision.

    nats: of each story, by precision, float32 among them. flips: a row a (precision, kind, layer,
    step, bin): the least and the largest margin, and counts of decisions. Assignments are counted
    in both models, so that the share of changed ones is 1 less Dice's coefficient.
    """

    nats: dict[RouterPrecision, NDArray[np.float64]]
    flips: pd.DataFrame


@torch.no_grad()
def read_rounded(model: Transformer, windows: EvaluationWindows, batch_size: int) -> Rounded:
    """Read stories by the rule of a decoder, dropless, on a CPU; weights stay as they are."""
    layers = model.moe_layers()
    nets = [net for layer in layers for net in layer.routers if isinstance(net, Router)]
    strategy = layers[0].strategy
    rule = strategy.decode or strategy.route
    exact, margins = Log(), list[list[Tensor]]()
    local, compounded = ({precision: Log() for precision in ROUNDED} for _ in KINDS)

    def read(precision: RouterPrecision, watch: Watch) -> NDArray[np.float64]:
        hook = model.register_forward_hook(lambda _, __, out: watch(out[1]))
        with hook, routers_in(precision, model):
            return evaluate(model, windows, batch_size, nullcontext(), CAUSAL).nats_per_story

    with given_to(nets) as given:

        def watch(routed: list[RoutedLayer]) -> None:
            exact.watch(routed)
            margins.append([margin_T(layer, strategy) for layer in routed])
            for precision, log in local.items():
                with routers_in(precision, model):
                    log.add(
                        rule(net.forward(x_TD), layer.context)  # net(x_TD) would be recorded
                        for net, x_TD, layer in zip(nets, given, routed, strict=True)
                    )
            given.clear()

        nats = {ROUTER_PRECISIONS[0]: read("fp32", watch)}
    for precision, log in compounded.items():
        nats[precision] = read(precision, log.watch)
    steps, before = routing_steps(model.routing), exact.places()
    margin_PT = [torch.cat(parts).numpy() for parts in zip(*margins, strict=True)]
    rows = [
        {
            "router_precision": precision,
            "kind": kind,
            "layer": place // steps,
            "step": place % steps,
        }
        | row
        for kind, logs in zip(KINDS, (local, compounded), strict=True)
        for precision, log in logs.items()
        for place, after in enumerate(log.places())
        for row in by_margin(before[place], after, margin_PT[place])
    ]
    return Rounded(nats, pd.DataFrame(rows, columns=COLUMNS))


@contextmanager
def given_to(nets: Sequence[Router]) -> Iterator[list[Tensor]]:
    """What routers are called with from here on, in order."""
    given = list[Tensor]()
    hooks = [net.register_forward_pre_hook(lambda _, args: given.append(args[0])) for net in nets]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()


def choices(routing: Routing) -> Choices:
    """Of the assignments before dropping; the first is that of the largest weight."""
    token_A, expert_A = routing.token_A.numpy(), routing.expert_A.numpy()
    chosen_TE = np.zeros((routing.num_tokens, routing.num_experts), dtype=np.bool_)
    chosen_TE[token_A, expert_A] = True
    order_A = np.lexsort((-routing.weight_A.float().numpy(), token_A))
    tokens, places = np.unique(token_A[order_A], return_index=True)
    first_T = np.full(routing.num_tokens, routing.num_experts)
    first_T[tokens] = expert_A[order_A][places]
    return Choices(chosen_TE, first_T)


def margin_T(layer: RoutedLayer, strategy: Strategy) -> Tensor:
    """How far each token's choice is from another one; infinite where it takes every expert."""
    z_TE, context = layer.logits_TE, layer.context
    assert z_TE is not None
    if "threshold_E" in context.state:
        return (z_TE.softmax(-1) - context.state["threshold_E"]).abs().amin(-1)
    if strategy.gate == "relu":
        return z_TE.abs().amin(-1)
    if context.top_k == context.num_experts:
        return torch.full((len(z_TE),), torch.inf)
    sigmoid = strategy.gate == "sigmoid"
    wanted_TE = wanted(z_TE, context, torch.sigmoid) if sigmoid else wanted(z_TE, context)
    best_TK, _ = wanted_TE.topk(context.top_k + 1, dim=-1)
    return best_TK[:, -2] - best_TK[:, -1]


def by_margin(
    before: Choices, after: Choices, margin: NDArray[np.float32]
) -> Iterator[dict[str, float]]:
    """Counts of what changed, a row a bin of margins; bins that hold no decision are left out."""
    changed_TE = before.chosen_TE ^ after.chosen_TE
    counts_TC = np.column_stack(
        [
            np.ones(len(margin), dtype=np.int64),
            before.chosen_TE.sum(1) + after.chosen_TE.sum(1),
            changed_TE.sum(1),
            before.first_T != after.first_T,
            changed_TE.any(1),
        ]
    )
    ranked = np.argsort(margin, kind="stable")
    ends = np.round(np.multiply(EDGES, len(margin))).astype(int)
    for b, (start, end) in enumerate(pairwise(ends)):
        if start < end:
            rows = ranked[start:end]
            ends_of_bin = {"margin_low": margin[rows[0]], "margin_high": margin[rows[-1]]}
            counts = dict(zip(COUNTS, counts_TC[rows].sum(0), strict=True))
            yield {"bin": b} | ends_of_bin | counts
