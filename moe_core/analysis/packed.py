"""Assignments of a text's tokens as compact JSON, for the explorer to unpack."""

import base64
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

DROPPED = 1 << 15  # set in the number of an expert that had no slot left


def packed(
    experts: Sequence[Sequence[int]],
    weights: Sequence[Sequence[float]],
    dropped: Sequence[Sequence[bool]],
) -> dict[str, str]:
    """Each a list a token, in order, by falling preference.

    count: of each token, uint8. experts: uint16. weights: in thousandths, uint16.
    """
    expert_A, weight_A, dropped_A = (
        np.fromiter(chain.from_iterable(lists), float) for lists in (experts, weights, dropped)
    )
    return {
        "count": base64_of([*map(len, experts)], "<u1"),
        "experts": base64_of(expert_A + DROPPED * dropped_A, "<u2"),
        "weights": base64_of(np.clip(np.rint(1000 * weight_A), 0, 65535), "<u2"),
    }


def base64_of(values: Any, kind: str) -> str:
    """Numbers as base64 of little-endian ones of a numpy kind."""
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode()
