"""Names of dispatch backends and of feed-forward non-linearities. Free of torch."""

from typing import Literal

Activation = Literal["swiglu", "gelu"]
Backend = Literal["auto", "reference", "padded", "grouped", "segments"]

GROUPED_ROW_BYTES = 16  # grouped_mm asks for rows of a multiple of it
