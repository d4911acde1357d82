"""Kinds of router networks, their size and the precisions they are read in. Free of torch."""

from typing import Literal, get_args

RouterNet = Literal["linear", "mlp", "mlp_hadamard", "cosine"]
ROUTER_NETS: tuple[RouterNet, ...] = get_args(RouterNet)
RouterPrecision = Literal["fp32", "bf16", "fp16", "int8"]
ROUTER_PRECISIONS: tuple[RouterPrecision, ...] = get_args(RouterPrecision)


def router_parameters(net: RouterNet, dim: int, num_experts: int) -> int:
    """Parameters of a router network: each is a factor of one multiply-add a token."""
    low = max(2, num_experts // 2)
    return {
        "linear": dim * num_experts,
        "mlp": dim * dim + dim * num_experts,
        "mlp_hadamard": 2 * dim * dim + dim * num_experts,
        "cosine": low * dim + num_experts * low + 1,
    }[net]
