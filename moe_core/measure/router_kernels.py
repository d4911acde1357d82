"""The stages of routing, each as torch, compiled torch and Triton have it, and what they must move.

select: logits to experts and weights, the Switch loss and the z-loss with it; with gradients.
slots: which assignments capacity keeps, and their order by expert. move: rows to their experts and
back, summed by weight; with gradients. Experts themselves are no part of it.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from moe_core.dispatch.grouped import sorted_rows
from moe_core.dispatch.packing import combine, lay_out, pack
from moe_core.dispatch.static import combine_rows
from moe_core.dispatch.triton.entry import kernels
from moe_core.errors import StudyError
from moe_core.measure.stages import VARIANTS, Stage
from moe_core.random_streams import stream
from moe_core.routing.balance import switch_loss, z_loss
from moe_core.routing.capacity import limit_capacity
from moe_core.routing.routing import Routing, from_token_choice
from moe_core.routing.slots import slots_per_expert

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Shape:
    """T tokens of width D to K of E experts; rows of ``dtype``, logits and weights in fp32."""

    tokens: int
    num_experts: int
    top_k: int
    dim: int
    dtype: torch.dtype
    capacity_factor: float = 1.25

    @property
    def capacity(self) -> int:
        """Slots of an expert; the routing group is all tokens."""
        return slots_per_expert(self.capacity_factor, self.top_k, self.tokens, self.num_experts)


@dataclass(frozen=True)
class Inputs:
    """Random ones of a shape: logits_TE and x_TD with gradients, and what earlier stages gave."""

    shape: Shape
    logits_TE: Tensor
    x_TD: Tensor
    routing: Routing
    limited: Routing


def random_inputs(shape: Shape, device: str) -> Inputs:
    """From a stream of the shape's name."""
    random = stream(0, "router kernels", shape.tokens, shape.num_experts, shape.top_k)
    logits_TE = torch.randn(shape.tokens, shape.num_experts, generator=random)
    x_TD = torch.randn(shape.tokens, shape.dim, generator=random).to(device, shape.dtype)
    logits_TE = logits_TE.to(device)
    expert_TK, weight_TK = choose(logits_TE, shape.top_k)
    routing = from_token_choice(expert_TK, weight_TK, shape.num_experts)
    limited = limit_capacity(routing, shape.capacity, shape.tokens, "position")
    return Inputs(shape, logits_TE.requires_grad_(), x_TD.requires_grad_(), routing, limited)


def choose(logits_TE: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Experts and weights as OLMoE's router has them (arXiv 2409.02060, section 2)."""
    expert_TK = logits_TE.topk(top_k, dim=-1).indices
    return expert_TK, logits_TE.softmax(-1).gather(1, expert_TK)


def bytes_moved(shape: Shape, kept: int, stage: Stage) -> int:
    """What a stage cannot but read and write once. kept: assignments within capacity.

    Forward and backward of select and of move; ids are int64, as the routing matrix has them.
    """
    logits = shape.tokens * shape.num_experts * 4
    chosen = shape.tokens * shape.top_k
    row = shape.dim * shape.dtype.itemsize
    match stage:
        case "select":  # logits; ids and weights. Then logits and gradients of weights; of logits
            return logits + chosen * (8 + 4) + 2 * logits + chosen * 4
        case "slots":  # ids; order and what is kept
            return chosen * (8 + 8 + 1)
        case "move":  # x or dy, rows written, rows read, y or dx; and rows again for the weights
            return 2 * (2 * shape.tokens + 2 * kept) * row + kept * (row + 4)


def torch_select(logits_TE: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """expert_TK, weight_TK, Switch loss, z-loss."""
    expert_TK, weight_TK = choose(logits_TE, top_k)
    routing = from_token_choice(expert_TK, weight_TK, logits_TE.shape[1])
    balance = switch_loss(logits_TE, routing, len(logits_TE))
    return expert_TK, weight_TK, balance, z_loss(logits_TE)


def torch_slots(expert_TK: Tensor, num_experts: int, capacity: int) -> tuple[Tensor, Tensor]:
    """kept_A and by_expert_A."""
    routing = from_token_choice(expert_TK, expert_TK, num_experts)
    limited = limit_capacity(routing, capacity, len(expert_TK), "position")
    return limited.kept_A, limited.by_expert_A


def torch_move(x_TD: Tensor, routing: Routing) -> Tensor:
    """y_TD of experts that return what they are given."""
    if x_TD.device.type == "cpu" and not torch.compiler.is_compiling():
        layout = lay_out(routing)
        return combine(pack(x_TD, layout), routing.weight_A, layout)
    rows, row_A, _ = sorted_rows(x_TD, routing)
    return combine_rows(rows, row_A, routing)


@dataclass(frozen=True)
class Variant:
    """The three stages as one implementation has them, with the signatures of the above."""

    select: Callable[[Tensor, int], tuple[Tensor, Tensor, Tensor, Tensor]]
    slots: Callable[[Tensor, int, int], tuple[Tensor, Tensor]]
    move: Callable[[Tensor, Routing], Tensor]

    def calls(self, inputs: Inputs) -> dict[Stage, Callable[[], object]]:
        """Each stage as a call without arguments; select and move with their backward."""
        shape, limited = inputs.shape, inputs.limited
        expert_TK = inputs.routing.expert_A.view(-1, shape.top_k)
        weight_A = limited.weight_A.detach().requires_grad_()
        one = torch.ones_like

        def select() -> object:
            _, *found = self.select(inputs.logits_TE, shape.top_k)
            return torch.autograd.grad(found, inputs.logits_TE, [one(part) for part in found])

        def slots() -> object:
            return self.slots(expert_TK, shape.num_experts, shape.capacity)

        def move() -> object:
            routing = replace(limited, weight_A=weight_A)  # sorts anew
            y_TD = self.move(inputs.x_TD, routing)
            return torch.autograd.grad(y_TD, [inputs.x_TD, weight_A], one(y_TD))

        return {"select": select, "slots": slots, "move": move}


TORCH = Variant(torch_select, torch_slots, torch_move)


def compiled() -> Variant:
    """The same, compiled for static shapes; the sort of ids breaks its graph."""
    build = partial(torch.compile, dynamic=False)
    return Variant(build(torch_select), build(torch_slots), build(torch_move))


def variants(device: str) -> dict[str, Variant | str]:
    """By name; in words why one cannot be measured on this machine."""
    return dict(zip(VARIANTS, (TORCH, _compiled(), _triton(device)), strict=True))


def _compiled() -> Variant | str:
    if not shutil.which(os.environ.get("CXX", "g++")):
        return "not measured here: torch.compile finds no C++ compiler"
    torch.compiler.reset()  # else what was compiled for other shapes counts against its limit
    return compiled()


def _triton(device: str) -> Variant | str:
    if device != "cuda":
        return "not measured here: Triton's kernels need a GPU"
    try:
        return triton_kernels(device)
    except StudyError as error:
        return f"not measured here: {error}"


def triton_kernels(device: str) -> Variant:
    """The same by kernels of our own. Raises StudyError where they cannot run."""
    kernels(torch.device(device))
    from moe_core.dispatch.triton import move, select, slots

    def selected(logits_TE: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        found = select.select_with_terms(logits_TE, "all", top_k, len(logits_TE))
        return found.expert_TK, found.weight_TK, found.switch_loss(), found.z_loss()

    def limited(expert_TK: Tensor, num_experts: int, capacity: int) -> tuple[Tensor, Tensor]:
        routing = from_token_choice(expert_TK, expert_TK, num_experts)
        routing = slots.limit_capacity(routing, capacity, len(expert_TK))
        return routing.kept_A, routing.by_expert_A

    def moved(x_TD: Tensor, routing: Routing) -> Tensor:
        layout = move.lay_out(routing)
        return move.combine(move.pack(x_TD, layout), routing.weight_A, layout)

    return Variant(selected, limited, moved)


@dataclass(frozen=True)
class Deviation:
    """How far an implementation is from torch's.

    mismatches: ids that differ where no tie decides, places that differ, what else is kept, and
    what is not finite. relative_error: of weights, losses, combined rows and all gradients, the
    largest, over torch's largest.
    """

    mismatches: int
    relative_error: float


def deviation(variant: Variant, inputs: Inputs) -> Deviation:
    """Of all three stages; gradients of each result apart, so that a large one hides no other."""
    best_TK = inputs.logits_TE.detach().topk(min(inputs.shape.top_k + 1, inputs.shape.num_experts))
    clear_T = (best_TK.values.diff() != 0).all(1)
    mismatches, error = 0, 0.0
    for one, other in zip(
        _results(variant, inputs, clear_T), _results(TORCH, inputs, clear_T), strict=True
    ):
        if other.is_floating_point():
            # a mean loss has gradients of 1 / T: where even those vanish, rounding is no error
            scale = other.double().abs().max().clamp(min=1e-3 / inputs.shape.tokens)
            off = (one.double() - other.double()).abs() / scale
            mismatches += int((~off.isfinite()).sum())
            error = max(error, float(off[off.isfinite()].max()) if off.isfinite().any() else 0.0)
        else:
            mismatches += int((one != other).sum())
    return Deviation(mismatches, error)


def _results(variant: Variant, inputs: Inputs, clear_T: Tensor) -> list[Tensor]:
    """All that the stages give, and the gradients of each of it."""
    shape, logits_TE, x_TD = inputs.shape, inputs.logits_TE, inputs.x_TD
    expert_TK, *scores = variant.select(logits_TE, shape.top_k)
    ids_TK = inputs.routing.expert_A.view(-1, shape.top_k)
    placed = variant.slots(ids_TK, shape.num_experts, shape.capacity)
    weight_A = inputs.limited.weight_A.detach().requires_grad_()
    y_TD = variant.move(x_TD, replace(inputs.limited, weight_A=weight_A))
    gradients: list[Tensor] = []
    for place in range(len(scores)):  # each of a pass of its own: a compiled one is not kept
        part = variant.select(logits_TE, shape.top_k)[1 + place]
        gradients += torch.autograd.grad(part, logits_TE, _uneven(part))
    gradients += torch.autograd.grad(y_TD, [x_TD, weight_A], _uneven(y_TD))
    results = [expert_TK[clear_T], *scores, *placed, y_TD, *gradients]
    return [result.detach() for result in results]


def _uneven(part: Tensor) -> Tensor:
    """What a gradient is taken of: with ones, that of weights which sum to 1 would vanish."""
    return (1 + torch.arange(part.numel(), device=part.device) % 3).view_as(part).to(part.dtype)
