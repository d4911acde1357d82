"""Which assignments lose when an expert's slots run out. Free of torch."""

from typing import Literal

DropPolicy = Literal["position", "probability", "random", "none"]
CAUSAL_POLICIES = ("position", "none")  # the others look at later tokens of the sequence
