"""What trains the router: the task loss, the balance losses, or nothing, as declared.

Each audit makes one pass of training, noise included, over one batch of sequences or images with a
float64 model.
"""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_core.audits.finding import Finding, of_verdicts
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import TRAINING
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer, Strategy
from moe_core.training.loop import auxiliary_losses


def router_gradient(model: LanguageModel, rows_B: Tensor) -> Finding | None:
    """Does the task loss reach each router parameter where that is declared, and only there?

    None without routers. A router that nothing trains must not ask for a gradient either.
    """
    twin, strategy = deepcopy(model).train(), strategy_of(model)
    parameters = router_parameters(twin)
    if not parameters:
        return None
    if strategy.router_gradient == "none":
        return of_verdicts([not parameter.requires_grad for parameter in parameters])
    loss, _ = task_loss(twin, rows_B)
    expected = strategy.router_gradient == "task"
    return of_verdicts([reached == expected for reached in reaches(loss, parameters)])


def balance_gradient(model: LanguageModel, rows_B: Tensor) -> Finding | None:
    """Does each balance loss reach the router? All of it, if they alone train it?

    A trial is one loss or, where the router is so declared, one parameter. None without losses.
    """
    twin, strategy = deepcopy(model).train(), strategy_of(model)
    terms = auxiliary_losses(strategy, task_loss(twin, rows_B)[1], None)
    parameters = router_parameters(twin)
    passed = [any(reaches(term, parameters)) for term in terms.values()]
    if strategy.router_gradient == "balance":
        passed += reaches(torch.stack(list(terms.values())).sum(), parameters)
    return of_verdicts(passed) if passed else None


def strategy_of(model: LanguageModel) -> Strategy:
    """The strategy of all its layers."""
    return model.moe_layers()[0].strategy


def router_parameters(model: LanguageModel) -> list[nn.Parameter]:
    """Those of the routers, and of the routers of noise."""
    modules = [m for layer in model.moe_layers() for m in (layer.routers, layer.noise_router) if m]
    return [parameter for module in modules for parameter in module.parameters()]


def task_loss(model: LanguageModel, rows_B: Tensor) -> tuple[Tensor, list[RoutedLayer]]:
    """Mean nats of each next token, or of some class of each image; what was decided on the way."""
    if rows_B.is_floating_point():
        given, wanted_T = rows_B, torch.arange(len(rows_B)) % model.vocab_size
    else:
        given, wanted_T = rows_B[:, :-1], rows_B[:, 1:].flatten()
    logits_BSV, layers = model(given, TRAINING, Draws(stream(0, "audit noise")))
    return F.cross_entropy(logits_BSV.flatten(0, 1), wanted_T), layers


def reaches(loss: Tensor, parameters: list[nn.Parameter]) -> list[bool]:
    """Of each parameter: is its gradient there, finite, and not zero?"""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    if not (loss.requires_grad and learning):
        return [False] * len(parameters)
    found = torch.autograd.grad(loss, learning, retain_graph=True, allow_unused=True)
    gradient = dict(zip(learning, found, strict=True))
    return [
        g is not None and bool(g.isfinite().all() and g.any())
        for g in map(gradient.get, parameters)
    ]
