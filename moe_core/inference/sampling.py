"""The next token of each row: the most probable one, or one that is drawn."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from moe_core.errors import StudyError
from moe_core.random_streams import stream


@dataclass(frozen=True)
class Sampling:
    """temperature: logits are divided by it; 0 takes the most probable token.

    top_p: draws are from the fewest tokens, most probable first, whose probability reaches it
    (nucleus sampling, arXiv 1904.09751, section 3.1). Raises StudyError for values out of range.
    """

    temperature: float
    top_p: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise StudyError("--temperature", f"{self.temperature:g} is not a number from 0 on")
        if not 0 < self.top_p <= 1:
            raise StudyError("--top-p", f"{self.top_p:g} is not above 0 and at most 1")

    def draws(self, batch: int, tokens: int) -> Tensor:
        """draw_BS, uniform: a row's are its own, whatever its neighbours and the number of tokens.

        Raises StudyError for a seed that no stream has.
        """
        rows = [stream(self.seed, "generate", row) for row in range(batch)]
        return torch.stack([torch.rand(tokens, generator=r, dtype=torch.float64) for r in rows])

    def choose(self, logits_BV: Tensor, draw_B: Tensor) -> Tensor:
        """token_id_B. Of equally probable tokens the lowest id goes first."""
        if self.temperature == 0:
            return logits_BV.argmax(-1)
        logits_BV, id_BV = logits_BV.double().sort(descending=True, stable=True)
        # the largest logit becomes 0, so that no temperature makes it infinite
        prob_BV = ((logits_BV - logits_BV[:, :1]) / self.temperature).softmax(-1)
        above_BV = prob_BV.cumsum(-1) - prob_BV  # what the more probable ones have
        kept_BV = torch.where(above_BV < self.top_p, prob_BV, 0.0)
        reached_BV = kept_BV.cumsum(-1)
        place_B1 = (reached_BV <= draw_B.unsqueeze(1) * reached_BV[:, -1:]).sum(-1, keepdim=True)
        return id_BV.gather(1, place_B1).squeeze(1)
