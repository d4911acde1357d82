"""Names of dispatch backends and of what experts compute. Free of torch."""

from typing import Literal

Activation = Literal["swiglu", "gelu"]
# linear: two matrices and nothing between them, as an adapter of low rank has it
ExpertKind = Literal["swiglu", "gelu", "linear"]
Backend = Literal[
    "auto", "reference", "padded", "grouped", "segments", "active", "gathered", "triton"
]

GROUPED_ROW_BYTES = 16  # grouped_mm asks for rows of a multiple of it
