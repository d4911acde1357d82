"""The weights of E feed-forward experts, stacked."""

from typing import NamedTuple

import torch
from torch import Tensor

from moe_core.dispatch.kinds import ExpertKind


class ExpertWeights(NamedTuple):
    """``y = act(x @ in_EHD[e].T) @ out_EDF[e].T``.

    in_EHD holds gate above up for SwiGLU (H = 2F) and one matrix otherwise (H = F).
    """

    in_EHD: Tensor
    out_EDF: Tensor
    activation: ExpertKind

    def to(self, dtype: torch.dtype) -> "ExpertWeights":
        """The same weights in another precision."""
        return self._replace(in_EHD=self.in_EHD.to(dtype), out_EDF=self.out_EDF.to(dtype))
