"""Names of the stages of routing and of their implementations. Free of torch."""

from typing import Literal, get_args

Stage = Literal["select", "slots", "move"]
STAGES: tuple[Stage, ...] = get_args(Stage)
VARIANTS = ("torch", "compiled torch", "Triton")
