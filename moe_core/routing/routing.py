"""The one data structure of routing: a sparse T x E matrix of combine weights."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


def count(ids_A: Tensor, kinds: int, counted_A: Tensor | None = None) -> Tensor:
    """How often each id below ``kinds`` occurs, int64; no wait for a GPU as in bincount."""
    zeros = torch.zeros(kinds, dtype=torch.int64, device=ids_A.device)
    ones_A = torch.ones_like(ids_A) if counted_A is None else counted_A.long()
    return zeros.scatter_add_(0, ids_A, ones_A)


@dataclass(frozen=True)
class Routing:
    """Sparse T x E matrix W of combine weights: ``y_t = sum_e W[t, e] * expert_e(x_t)``.

    An entry is an assignment of a token to an expert. Entries stand in token-major order: all of
    token 0 by falling preference, then all of token 1. Capacity never removes an entry; it marks
    it as not kept, so that load (before dropping) and drops are read off the same object.

    token_A: row of each entry, int64, non-decreasing. expert_A: column of each entry, int64.
    weight_A: combine weight, carries the router's gradient. kept_A: bool, False where dropped.
    per_token: entries of every token, None where tokens differ. most_kept: what capacity leaves an
    expert at most, None where nothing limits it.
    """

    token_A: Tensor
    expert_A: Tensor
    weight_A: Tensor
    kept_A: Tensor
    num_tokens: int
    num_experts: int
    per_token: int | None = None
    most_kept: int | None = None

    @cached_property
    def by_expert_A(self) -> Tensor:
        """Order of all entries by expert, then by token."""
        ids_A = self.expert_A.to(torch.int16)
        if ids_A.device.type == "cpu":  # numpy sorts few bits by radix, 5 to 8 times as fast
            return torch.from_numpy(np.argsort(ids_A.numpy(), kind="stable"))
        return torch.sort(ids_A, stable=True).indices

    def load_E(self) -> Tensor:
        """Assignments per expert before dropping, int64."""
        return count(self.expert_A, self.num_experts)

    def kept_per_token_T(self) -> Tensor:
        """Assignments of each token that survive capacity, int64."""
        return count(self.token_A, self.num_tokens, self.kept_A)

    def kept_per_expert_E(self) -> Tensor:
        """Assignments of each expert that survive capacity, int64."""
        return count(self.expert_A, self.num_experts, self.kept_A)

    def with_kept(self, kept_A: Tensor, most_kept: int | None = None) -> "Routing":
        """The same assignments with another set of survivors."""
        limited = replace(self, kept_A=kept_A, most_kept=most_kept)
        if "by_expert_A" in vars(self):  # so that nobody sorts twice
            vars(limited)["by_expert_A"] = self.by_expert_A
        return limited

    def where(self, mask_A: Tensor) -> "Routing":
        """The assignments for which the mask holds, as if the others had never been made."""
        return replace(
            self,
            token_A=self.token_A[mask_A],
            expert_A=self.expert_A[mask_A],
            weight_A=self.weight_A[mask_A],
            kept_A=self.kept_A[mask_A],
            per_token=None,
        )

    def dense_TE(self) -> Tensor:
        """W as a dense matrix, dropped entries zero."""
        flat_A = self.token_A * self.num_experts + self.expert_A
        weight_A = torch.where(self.kept_A, self.weight_A, 0.0)
        dense = self.weight_A.new_zeros(self.num_tokens * self.num_experts)
        return dense.index_add(0, flat_A, weight_A).view(self.num_tokens, self.num_experts)


def from_token_choice(expert_TK: Tensor, weight_TK: Tensor, num_experts: int) -> Routing:
    """Rows filled by tokens: token t goes to ``expert_TK[t]`` with weights ``weight_TK[t]``."""
    num_tokens, top_k = expert_TK.shape
    token_A = torch.arange(num_tokens, device=expert_TK.device).repeat_interleave(top_k)
    expert_A = expert_TK.reshape(-1)
    return Routing(
        token_A,
        expert_A,
        weight_TK.reshape(-1),
        torch.ones_like(expert_A, dtype=torch.bool),
        num_tokens,
        num_experts,
        per_token=top_k,
    )


def from_mask(mask_TE: Tensor, weight_TE: Tensor) -> Routing:
    """Entries wherever ``mask_TE`` is true, with the weights found there."""
    token_A, expert_A = mask_TE.nonzero(as_tuple=True)
    return Routing(
        token_A,
        expert_A,
        weight_TE[token_A, expert_A],
        torch.ones_like(expert_A, dtype=torch.bool),
        *mask_TE.shape,
    )
