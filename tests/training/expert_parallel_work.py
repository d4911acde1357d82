"""What the processes of test_expert_parallel.py do; the test's own process does the same alone."""

from typing import Any

import torch
from torch import Tensor

from moe_core.dispatch.dispatch import BACKENDS
from moe_core.dispatch.expert_parallel import LEGS, InFlight, Placement, Traffic, predicted
from moe_core.dispatch.reference import reference
from moe_core.dispatch.weights import ExpertWeights
from moe_core.model.config import TransformerConfig
from moe_core.model.transformer import build
from moe_core.routing.routing import Routing
from moe_core.training.config import TrainingConfig
from moe_core.training.loop import Trainer
from moe_core.training.ranks import ALONE, Ranks, joined_ranks
from moe_core.training.shards import shard_rows
from tests.training.conftest import COUNTS, TRAIN

Case = tuple[TransformerConfig, TrainingConfig, int]  # and to how many experts all tokens go, or 0


def train_side_by_side(world_size: int, cases: dict[str, Case]) -> dict[str, Any]:
    """All cases in one process of several."""
    torch.set_num_threads(1)
    with joined_ranks(world_size, "cpu", expert_parallel=True) as ranks:
        return {name: trained(case, ranks) for name, case in cases.items()}


def trained(case: Case, ranks: Ranks = ALONE) -> dict[str, Any]:
    """All steps of a run: losses, clipping, gradients of the first, weights, bytes sent."""
    model, config, crowded = case
    trainer = Trainer(build(model, COUNTS, 0), TRAIN.tokens, config, 0, "cpu", ranks=ranks)
    if crowded:
        for layer in trainer.model.moe_layers():
            layer.states[0].bias_E[:crowded] += 100
    losses, clipped, gradients, foreseen = [], [], {}, dict.fromkeys(LEGS, 0)
    for step in range(config.steps):
        losses.append(float(trainer.step(step)))
        clipped.append(float(trainer.clipped_by))
        if step == 0:
            named = trainer.model.named_parameters()
            found = {f"model.{n}": p.grad.clone() for n, p in named if p.grad is not None}
            gradients = trainer.experts.whole(found)
        placement = trainer.model.moe_layers()[0].placement
        if placement:
            tokens_R = [config.batch_size * config.seq_len // ranks.size] * ranks.size
            routings = [layer.routing for layer in trainer.layers]
            sent = predicted(routings, tokens_R, placement.experts_R, 4 * model.dim)
            foreseen = {leg: foreseen[leg] + sent[leg] for leg in LEGS}
    counted, tensors = trainer.experts.traffic.bytes, trainer.tensors()
    other = Trainer(build(model, COUNTS, 1), TRAIN.tokens, config, 0, "cpu", ranks=ranks)
    other.restore(tensors)
    return {
        "losses": losses,
        "clipped_by": clipped,
        "gradients": gradients,
        "tensors": tensors,
        "restored": other.tensors(),
        "foreseen": foreseen,
        "counted": counted,
    }


def multiply_side_by_side(world_size: int, num_experts: int) -> list[dict[str, float]]:
    """Largest errors of products with random matrices, against all experts in one process."""
    torch.set_num_threads(1)
    with joined_ranks(world_size, "cpu") as ranks:
        return [
            multiplied(ranks, num_experts, seed, backend, kept)
            for seed, backend in enumerate(BACKENDS)
            for kept in ("some", "none", "none of the first rank", "none of the last expert")
        ]


def multiplied(
    ranks: Ranks, num_experts: int, seed: int, backend: Any, kept: str
) -> dict[str, float]:
    """The product and its gradients against the reference, on one random matrix a rank."""
    draw = torch.Generator().manual_seed(seed)
    tokens, dim, hidden = 12, 8, 8
    whole = [
        torch.randn(num_experts, 2 * hidden, dim, generator=draw),
        torch.randn(num_experts, dim, hidden, generator=draw),
    ]
    inputs, routings = [], []
    for rank in range(ranks.size):
        expert_TE = torch.rand(tokens, num_experts, generator=draw) < 0.6
        token_A, expert_A = expert_TE.nonzero(as_tuple=True)
        weight_A = torch.rand(len(token_A), generator=draw)
        kept_A = torch.rand(len(token_A), generator=draw) < 0.7
        if kept == "none" or (kept == "none of the first rank" and rank == 0):
            kept_A[:] = False
        if kept == "none of the last expert":
            kept_A &= expert_A < num_experts - 1
        inputs.append(torch.randn(tokens, dim, generator=draw))
        routings.append(Routing(token_A, expert_A, weight_A, kept_A, tokens, num_experts))
    toward_TD = torch.randn(tokens, dim, generator=draw)

    def gradients(product: Any, parts: list[Tensor], mine: list[int]) -> list[list[Tensor]]:
        """Of experts, and outputs and gradients of each rank's tokens."""
        parts = [part.clone().requires_grad_() for part in parts]
        found = []
        for rank in mine:
            x_TD = inputs[rank].clone().requires_grad_()
            weight_A = routings[rank].weight_A.clone().requires_grad_()
            routing = routings[rank].where(torch.ones_like(weight_A, dtype=torch.bool))
            vars(routing)["weight_A"] = weight_A
            y_TD = product(x_TD, routing, ExpertWeights(parts[0], parts[1], "swiglu"))
            (y_TD * toward_TD).sum().backward()
            found.append([y_TD.detach(), x_TD.grad, weight_A.grad])
        return [[part.grad for part in parts], *found]

    slices = shard_rows(num_experts, ranks.size)
    placement = Placement(ranks.rank, [s.stop - s.start for s in slices], Traffic())
    own = placement.own

    def exchanged(x_TD: Tensor, routing: Routing, weights: ExpertWeights) -> Tensor:
        return InFlight(x_TD, routing, weights, backend, placement).finish()

    expected = gradients(reference, whole, list(range(ranks.size)))
    found = gradients(exchanged, [part[own] for part in whole], [ranks.rank])
    pairs = zip(
        [*found[0], *found[1]],
        [*(d[own] for d in expected[0]), *expected[1 + ranks.rank]],
        ("w_in", "w_out", "y", "x", "weight"),
        strict=True,
    )
    return {
        name: float((a - b).abs().max() / b.abs().max().clamp(min=1))
        for (a, b), name in (((a, b), name) for a, b, name in pairs)
    }
