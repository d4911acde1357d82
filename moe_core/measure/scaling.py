"""A model of the time of a training step whose experts are shared out: compute and communication.

A step of N processes with T tokens each takes

    sharing * (fixed_s + token_s * T + alpha_s * messages + beta_s * bytes)

fixed_s and token_s are fitted to measured steps of one process, alpha_s (of a message) and beta_s
(of a byte sent) to measured all-to-all exchanges. sharing: processes to a core, 1 where each has
its own. It assumes load that is even over experts, as many experts as processes or more, exchanges
one after the other, a message to each of the other processes in turn, and nothing hidden behind
compute. Free of torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class Shape:
    """What communication depends on.

    row_bytes: of one token at width D. kept: assignments of a token that survive capacity.
    decided_bytes: of a token in one layer, of what ranks tell one another of their decisions, in
    decided_tensors tensors. replicated_bytes: gradients of parameters that every process has.
    """

    layers: int
    row_bytes: int
    kept: float
    decided_bytes: float
    decided_tensors: int
    replicated_bytes: int


@dataclass(frozen=True)
class StepModel:
    """Seconds: of a step whatever its size, of a token, of a message, of a byte sent."""

    fixed_s: float
    token_s: float
    alpha_s: float
    beta_s: float

    def step_s(self, shape: Shape, processes: int, tokens: int, sharing: float = 1.0) -> float:
        """Predicted time of a step in which each process has so many tokens."""
        messages, sent = communication(shape, processes, tokens)
        compute = self.fixed_s + self.token_s * tokens
        return sharing * (compute + self.alpha_s * messages + self.beta_s * sent)


def communication(shape: Shape, processes: int, tokens: int) -> tuple[int, float]:
    """Messages that one process sends in a step, one after the other, and their bytes.

    All-to-all: of counts, then rows out and home in both passes; (N - 1) / N of the assignments
    leave. Decisions: an all-gather of sizes and one of rows, for each tensor. Gradients: a ring
    all-reduce (2 (N - 1) messages of 1 / N), and one more for the norm over all experts.
    """
    others = processes - 1
    rows = 4 * tokens * shape.kept * others / processes * shape.row_bytes
    decided = others * tokens * shape.decided_bytes
    gradients = 2 * others / processes * shape.replicated_bytes
    messages = shape.layers * (5 + 2 * shape.decided_tensors) * others + 4 * others
    return messages, shape.layers * (rows + decided) + gradients


def least_squares(rows: Sequence[Sequence[float]], seconds: Sequence[float]) -> list[float]:
    """Coefficients, none negative, whose errors relative to the seconds are least in square."""
    design = np.asarray(rows, dtype=float) / np.asarray(seconds, dtype=float)[:, None]
    scale = design.max(axis=0)  # columns of like size: bytes and messages differ by orders
    return [float(c) for c in nnls(design / scale, np.ones(len(design)))[0] / scale]


def fitted(
    steps: Sequence[tuple[int, float]], exchanges: Sequence[tuple[int, float, float]]
) -> StepModel:
    """steps of one process: tokens, seconds. exchanges: messages, bytes, seconds of a core each."""
    fixed_s, token_s = least_squares([(1, tokens) for tokens, _ in steps], [s for _, s in steps])
    alpha_s, beta_s = least_squares([row[:2] for row in exchanges], [row[2] for row in exchanges])
    return StepModel(fixed_s, token_s, alpha_s, beta_s)
