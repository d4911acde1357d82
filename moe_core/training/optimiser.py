"""AdamW and SGD with the gradient clipped inside the update: no pass over memory only for that.

``torch.optim`` would import the compiler, which takes longer than a small run's first steps.
"""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from moe_core.training.ranks import ALONE, Ranks

BETAS, EPS = (0.9, 0.95), 1e-8


class ClippedOptimiser:
    """Updates by gradients of limited norm; after one that was not finite nothing has changed.

    grad_clip: largest Euclidean norm over all gradients; 0 for no limit. cut: names of parameters
    of which each rank has a part of its own; the others, and their gradients, are the same on all
    ranks. moments: names of what it keeps for each parameter.
    """

    moments: tuple[str, ...]

    def __init__(
        self,
        model: nn.Module,
        weight_decay: float,
        grad_clip: float,
        cut: Collection[str] = (),
        ranks: Ranks = ALONE,
    ) -> None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        self.cut = {p for name, p in model.named_parameters() if name in cut}
        self.ranks = ranks
        self.grad_clip = grad_clip or math.inf
        self.groups = self.decayed(parameters, weight_decay)
        self.kept: dict[str, dict[Tensor, Tensor]] = {
            name: {p: torch.zeros_like(p) for p in parameters} for name in self.moments
        }
        self.parameters = parameters
        self.updates = torch.zeros((), device=parameters[0].device)

    def decayed(
        self, parameters: list[nn.Parameter], weight_decay: float
    ) -> list[tuple[list[nn.Parameter], float]]:
        """Groups of parameters, each with its decay."""
        return [(parameters, weight_decay)]

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        learning_rate: float,
        weight_decay: float,
        divisor: Tensor,
        not_finite: Tensor,
    ) -> None:
        """One group's, its gradients over divisor, if they are finite."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def gradients(self, cut: bool = False) -> list[Tensor]:
        """Those that the last backward pass made: of parameters that all ranks have, or of cut."""
        return [p.grad for p in self.parameters if p.grad is not None and (p in self.cut) == cut]

    def norm(self) -> Tensor:
        """Of all gradients of the model, a part that one rank has counted once."""
        norm = torch.stack(torch._foreach_norm(self.gradients())).norm()
        if not self.cut:
            return norm
        squares = torch.stack(torch._foreach_norm(self.gradients(cut=True))).square().sum()
        self.ranks.add_up([squares])
        return (norm.square() + squares).sqrt()

    def tensors(self, model: nn.Module) -> dict[str, Tensor]:
        """Its state by names of the model's parameters."""
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        state = {f"{m}.{name}": kept[p] for m, kept in self.kept.items() for name, p in named}
        return state | {"updates": self.updates}

    @torch.no_grad()
    def step(self, learning_rate: float) -> tuple[Tensor, Tensor]:
        """One update; the norm of all gradients before clipping, and the factor that clipped them.

        Gradients are left clipped.
        """
        norm = self.norm()
        # as clip_grad_norm_ has it
        divisor = ((norm + 1e-6) / self.grad_clip).clamp(min=1.0)
        not_finite = (~norm.isfinite()).to(norm)
        self.updates += 1 - not_finite
        for parameters, weight_decay in self.groups:
            pairs = [(p, p.grad) for p in parameters if p.grad is not None]
            if pairs:
                changed: list[Tensor] = [p for p, _ in pairs]
                gradients = [gradient for _, gradient in pairs]
                self.update(changed, gradients, learning_rate, weight_decay, divisor, not_finite)
        return norm, 1 / divisor


class ClippedAdamW(ClippedOptimiser):
    """AdamW (arXiv 1711.05101); norms, and whatever else is a vector, are not decayed."""

    moments = ("first", "second")

    def decayed(
        self, parameters: list[nn.Parameter], weight_decay: float
    ) -> list[tuple[list[nn.Parameter], float]]:
        return [
            ([p for p in parameters if p.dim() > 1], weight_decay),
            ([p for p in parameters if p.dim() <= 1], 0.0),
        ]

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        learning_rate: float,
        weight_decay: float,
        divisor: Tensor,
        not_finite: Tensor,
    ) -> None:
        torch._fused_adamw_(
            parameters,
            gradients,
            [self.kept["first"][p] for p in parameters],
            [self.kept["second"][p] for p in parameters],
            [],
            [self.updates] * len(parameters),
            lr=learning_rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
            grad_scale=divisor,
            found_inf=not_finite,
        )


class ClippedSgd(ClippedOptimiser):
    """SGD with Nesterov's momentum (Sutskever et al. 2013, eq. 3 and 4), all parameters decayed."""

    moments = ("momentum",)

    def __init__(
        self,
        model: nn.Module,
        weight_decay: float,
        grad_clip: float,
        cut: Collection[str] = (),
        ranks: Ranks = ALONE,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(model, weight_decay, grad_clip, cut, ranks)
        self.momentum = momentum

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        learning_rate: float,
        weight_decay: float,
        divisor: Tensor,
        not_finite: Tensor,
    ) -> None:
        torch._fused_sgd_(
            parameters,
            gradients,
            [self.kept["momentum"][p] for p in parameters],
            weight_decay=weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=self.momentum > 0,
            maximize=False,
            is_first_step=False,  # from a momentum of 0, which is the same without dampening
            grad_scale=divisor,
            found_inf=not_finite,
        )
