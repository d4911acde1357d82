"""Kinds of router networks and their size. Free of torch."""

from typing import Literal, get_args

RouterNet = Literal["linear", "mlp", "mlp_hadamard", "cosine"]
ROUTER_NETS: tuple[RouterNet, ...] = get_args(RouterNet)


def router_parameters(net: RouterNet, dim: int, num_experts: int) -> int:
    """Parameters of a router network: each is a factor of one multiply-add a token."""
    low = max(2, num_experts // 2)
    return {
        "linear": dim * num_experts,
        "mlp": dim * dim + dim * num_experts,
        "mlp_hadamard": 2 * dim * dim + dim * num_experts,
        "cosine": low * dim + num_experts * low + 1,
    }[net]
