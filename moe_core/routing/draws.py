"""Random numbers for the tokens of a batch, the same however the batch is cut into shards."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Draws of one step. A shard draws for all tokens of the batch and keeps those of its own.

    first: index of the shard's first token in the batch. of: tokens of the batch, None where the
    shard is all of it.
    """

    generator: torch.Generator
    first: int = 0
    of: int | None = None

    def uniform(self, *shape: int) -> Tensor:
        """From U(0, 1); the first dimension is of the shard's tokens."""
        return self._own(torch.rand(self._all(shape), generator=self.generator), shape)

    def normal(self, *shape: int) -> Tensor:
        """From N(0, 1); the first dimension is of the shard's tokens."""
        return self._own(torch.randn(self._all(shape), generator=self.generator), shape)

    def _all(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.of or shape[0], *shape[1:])

    def _own(self, drawn: Tensor, shape: tuple[int, ...]) -> Tensor:
        return drawn[self.first : self.first + shape[0]]
