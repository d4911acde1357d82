"""What routing may not lose or invent: assignments, slots, weights, names of experts, products.

A trial is what one layer did with one batch. Its change is that of the layer's output when experts
are renamed, or when the product with W is taken densely; nan if a count or a weight is wrong.
"""

import math
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from moe_core.audits.finding import Finding, of_changes
from moe_core.audits.invariances import BATCH
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import Mode, MoELayer
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws
from moe_core.routing.scores import Router
from moe_core.routing.slots import slots_per_expert
from moe_core.routing.strategy import RoutedLayer

Inputs = tuple[Tensor, Tensor, Tensor, int]  # x_TD, token_id_T, position_T, tokens of a sequence
Outputs = tuple[Tensor, list[RoutedLayer]]


@dataclass(frozen=True)
class Pass:
    """One batch through one layer."""

    layer: MoELayer
    mode: Mode
    inputs: Inputs
    y_TD: Tensor
    steps: list[RoutedLayer]


@torch.no_grad()
def conservation(model: LanguageModel, mode: Mode, rows_N: Tensor) -> Finding:
    """Audit what every layer of a float64 model does with N sequences, or images.

    By the rule of training once more with the noise of training, which no renaming can follow.
    """
    twins = {layer: renamed(layer) for layer in model.moe_layers()}
    changes = []
    for layer, inputs in layer_inputs(model, mode, rows_N):
        done = Pass(layer, mode, inputs, *run(layer, inputs, mode))
        change = lost(done)
        if len(layer.routers) or layer.table_VK is not None:  # else nothing names the experts
            change = torch.maximum(change, farthest(done.y_TD, run(twins[layer], inputs, mode)[0]))
        changes.append(change)
        if mode.rule == "train":
            layer.train()
            changes.append(lost(Pass(layer, mode, inputs, *run(layer, inputs, mode))))
            layer.eval()
    return of_changes(torch.stack(changes))


def lost(p: Pass) -> Tensor:
    """Largest difference to the dense product; nan if a count or a weight is wrong."""
    whole = assignments_are_whole(p) and slots_are_filled(p) and weights_are_positive(p)
    return farthest(p.y_TD, dense_product(p)) * (1.0 if whole else math.nan)


def layer_inputs(model: LanguageModel, mode: Mode, rows_N: Tensor) -> list[tuple[MoELayer, Inputs]]:
    """What each layer is given for each batch."""
    given: list[tuple[MoELayer, Inputs]] = []
    handles = [
        layer.register_forward_pre_hook(lambda layer, inputs: given.append((layer, inputs[:4])))
        for layer in model.moe_layers()
    ]
    for rows_B in rows_N.split(BATCH):
        model(rows_B, mode, Draws(stream(0, "audit drops")))
    for handle in handles:
        handle.remove()
    return given


def run(layer: MoELayer, inputs: Inputs, mode: Mode) -> Outputs:
    """The layer's output, with the same draws of the ``random`` drop policy each time."""
    output: Outputs = layer(*inputs, mode, Draws(stream(0, "audit drops")))
    return output


def assignments_are_whole(p: Pass) -> bool:
    """In token-major order, none doubled, none lost: capacity marks and never removes.

    A token has K experts, but where experts fill columns, or where a strategy keeps a state of
    its own to steer how many a token has on average; and up to K where training draws them.
    """
    strategy, (_, dropless) = p.layer.strategy, run(p.layer, p.inputs, Mode(p.mode.rule, True))
    least = 1 if p.layer.training else p.layer.top_k
    for step in p.steps:
        routing = step.routing
        pair_A = routing.token_A * routing.num_experts + routing.expert_A
        if len(pair_A.unique()) < len(pair_A) or (routing.token_A.diff() < 0).any():
            return False
        chosen_T = torch.bincount(routing.token_A, minlength=routing.num_tokens)
        free = strategy.fills_capacity or strategy.steers_k
        if not free and ((chosen_T < least) | (chosen_T > p.layer.top_k)).any():
            return False
    # a later step reads what an earlier one dropped, and may choose otherwise
    first, unlimited = p.steps[0].routing, dropless[0].routing
    return torch.equal(first.token_A, unlimited.token_A) and torch.equal(
        first.expert_A, unlimited.expert_A
    )


def slots_are_filled(p: Pass) -> bool:
    """Of each routing group an expert keeps all it is given, up to C: never more, never less."""
    config, strategy = p.layer.config, p.layer.strategy
    policy = "none" if strategy.steers_k else config.drop_policy
    unlimited = p.mode.dropless or (policy == "none" and not strategy.fills_capacity)
    for step in p.steps:
        routing = step.routing
        size = routing.num_tokens if strategy.group == "batch" else p.inputs[3]
        slots = slots_per_expert(config.capacity_factor, p.layer.top_k, size, routing.num_experts)
        queue_A = routing.token_A // size * routing.num_experts + routing.expert_A
        queues = routing.num_tokens // size * routing.num_experts
        given_Q = torch.bincount(queue_A, minlength=queues)
        kept_Q = torch.bincount(queue_A[routing.kept_A], minlength=queues)
        if not torch.equal(kept_Q, given_Q if unlimited else given_Q.clamp(max=slots)):
            return False
    return True


def weights_are_positive(p: Pass) -> bool:
    """And finite."""
    weights = [step.routing.weight_A for step in p.steps]
    return all(bool((w_A.isfinite() & (w_A > 0)).all()) for w_A in weights)


def dense_product(p: Pass) -> Tensor:
    """y_TD by ``W @ experts(x)`` with every expert on every token, step after step."""
    layer, x_TD = p.layer, p.inputs[0]
    parts = [layer.shared(x_TD)] if layer.shared is not None else []
    for i, step in enumerate(p.steps):
        if i:
            x_TD = x_TD + parts[-1]
        y_ETD = layer.experts.each(x_TD)
        parts.append(torch.einsum("te,etd->td", step.routing.dense_TE().to(y_ETD), y_ETD))
    return torch.stack(parts).sum(0)


class Renamed(Router):
    """A router whose expert e is called e + 1."""

    def __init__(self, router: nn.Module) -> None:
        super().__init__()
        self.router = router

    def logits(self, x_TD: Tensor) -> Tensor:
        return self.router(x_TD).roll(1, -1)


def renamed(layer: MoELayer) -> MoELayer:
    """The same layer, its expert e called e + 1: in weights, routers, table and states."""
    twin = deepcopy(layer)
    states = [state for name, state in twin.states.named_buffers() if name.endswith("_E")]
    for tensor in (*twin.experts.parameters(), *states):
        tensor.copy_(tensor.roll(1, 0))
    twin.routers = nn.ModuleList(Renamed(router) for router in twin.routers)
    if twin.table_VK is not None:
        twin.table_VK = (twin.table_VK + 1) % twin.config.num_experts
    return twin


def farthest(a_TD: Tensor, b_TD: Tensor) -> Tensor:
    """Largest absolute difference."""
    return (a_TD - b_TD).abs().max()
