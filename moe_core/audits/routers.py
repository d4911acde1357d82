"""The two models that an audit looks at: the trained one, and its adversarially skewed twin."""

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor

from moe_core.model.language_model import LanguageModel
from moe_core.routing.scores import Router

LEAD = 8.0  # in spreads of the logits: nearly every token prefers the favourite; nothing saturates
FAVOURITE = 0


def exact(model: LanguageModel) -> LanguageModel:
    """A copy in float64, in evaluation mode."""
    twin = deepcopy(model).double().eval()
    for layer in twin.moe_layers():
        layer.backend = "reference"  # pads nothing where routers are skewed: the fastest in float64
    return twin


class Skewed(Router):
    """A router of any kind, its logits divided by their spread and one expert raised by LEAD.

    logits_TE: what it gave to a sample of tokens.
    """

    def __init__(self, router: Router, logits_TE: Tensor) -> None:
        super().__init__()
        self.router = router
        self.spread = float((logits_TE - logits_TE.mean(-1, keepdim=True)).std()) or 1.0

    def logits(self, x_TD: Tensor) -> Tensor:
        logits_TE = self.router(x_TD) / self.spread
        logits_TE[:, FAVOURITE] += LEAD
        return logits_TE


@torch.no_grad()
def skewed(model: LanguageModel, rows_N: Tensor) -> LanguageModel | None:
    """A copy whose routers all prefer one expert, so that capacity bites; None without routers.

    Biases that balance choices prefer it too. rows_N: where the spread of logits is measured.
    Sinkhorn undoes the preference by its rule; what is left is the scale of its logits.
    """
    twin = deepcopy(model)
    steps = iter(model(rows_N)[1])
    for layer in twin.moe_layers():
        for i, state in enumerate(layer.states):
            logits_TE = next(steps).logits_TE
            if logits_TE is None:
                return None
            layer.routers[i] = Skewed(cast(Router, layer.routers[i]), logits_TE)
            for name, bias_E in state.named_buffers():
                if name == "bias_E":
                    bias_E[FAVOURITE] += LEAD
    return twin
