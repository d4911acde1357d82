"""AdamW with the gradient clipped inside the update, so that no pass over memory is only for that.

``torch.optim`` would import the compiler, which takes longer than a small run's first steps.
"""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from moe_core.training.ranks import ALONE, Ranks

BETAS, EPS = (0.9, 0.95), 1e-8


class ClippedAdamW:
    """AdamW (arXiv 1711.05101); norms, and whatever else is a vector, are not decayed.

    grad_clip: largest Euclidean norm over all gradients; 0 for no limit. After an update that was
    not finite nothing has changed. cut: names of parameters of which each rank has a part of its
    own; the others, and their gradients, are the same on all ranks.
    """

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
        self.groups = [
            ([p for p in parameters if p.dim() > 1], weight_decay),
            ([p for p in parameters if p.dim() <= 1], 0.0),
        ]
        self.first = {p: torch.zeros_like(p) for p in parameters}
        self.second = {p: torch.zeros_like(p) for p in parameters}
        self.updates = torch.zeros((), device=parameters[0].device)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.first:
            parameter.grad = None

    def gradients(self, cut: bool = False) -> list[Tensor]:
        """Those that the last backward pass made: of parameters that all ranks have, or of cut."""
        return [p.grad for p in self.first if p.grad is not None and (p in self.cut) == cut]

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
        named = [(name, p) for name, p in model.named_parameters() if p in self.first]
        return {
            **{f"first.{name}": self.first[p] for name, p in named},
            **{f"second.{name}": self.second[p] for name, p in named},
            "updates": self.updates,
        }

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
            if not pairs:
                continue
            torch._fused_adamw_(
                [p for p, _ in pairs],
                [gradient for _, gradient in pairs],
                [self.first[p] for p, _ in pairs],
                [self.second[p] for p, _ in pairs],
                [],
                [self.updates] * len(pairs),
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
        return norm, 1 / divisor
