"""When a run is sick: it ends, with its step and cause, instead of going on to a number."""

import math
from typing import Any, Literal

from moe_core.errors import StudyError
from moe_core.training.config import HealthConfig

Cause = Literal[
    "non-finite gradient",
    "divergence",
    "exploded router",
    "dead expert",
    "out of memory",
    "failed base",
]


class SickRun(StudyError):  # noqa: N818
    """A run that cannot be finished.

    step: optimiser steps that were made. cause: one of a few. detail: what was measured, and what
    may help.
    """

    def __init__(self, step: int, cause: Cause, detail: str) -> None:
        super().__init__("training", f"{cause} at step {step} ({detail})")
        self.step, self.cause, self.detail = step, cause, detail


def check_health(rows: list[dict[str, Any]], vocab_size: int, limits: HealthConfig) -> None:
    """Raises SickRun if the last of the evaluations shows a run that is of no use.

    Divergence: training or validation loss above that of guessing uniformly, ln V, by
    ``max_loss_over_uniform`` nats, or not finite. Exploded router: root mean
    square of logsumexp(z) above ``max_router_logsumexp``. Dead expert: some expert without a token
    at each of the last ``dead_expert_evaluations``.
    """
    row = rows[-1]
    step, highest = row["step"], math.log(vocab_size) + limits.max_loss_over_uniform
    for split, loss in (("train", row["train_loss"]), ("valid", row["loss"])):
        if not math.isfinite(loss) or loss > highest:
            detail = f"{split} loss {loss:.3g} nats, limit {highest:.3g}"
            raise SickRun(step, "divergence", f"{detail}; lower training.learning_rate")
    z_loss = row.get("z_loss")
    if z_loss is not None and not math.sqrt(z_loss) <= limits.max_router_logsumexp:
        detail = f"logsumexp of the router's logits {math.sqrt(z_loss):.3g}"
        limit = f"limit {limits.max_router_logsumexp:g}"
        raise SickRun(step, "exploded router", f"{detail}, {limit}; raise training.z_coef")
    last = limits.dead_expert_evaluations
    if last and len(rows) >= last and all(r.get("dead_experts") for r in rows[-last:]):
        detail = f"{row['dead_experts']:g} experts a layer without a token"
        raise SickRun(step, "dead expert", f"{detail} at each of {last} evaluations")


def warnings(rows: list[dict[str, Any]]) -> list[str]:
    """What is worth telling of a run that is not sick."""
    dead = rows[-1].get("dead_experts")
    return [f"dead experts: {dead:g} a layer at the end"] if dead else []


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the host, of a GPU, or for a oneDNN kernel."""
    if isinstance(error, MemoryError) or str(error) == "could not create a primitive":
        return True
    told = ("allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in told)
