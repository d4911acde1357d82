"""Bytes that a stage cannot avoid to move: each input read once, each output written once.

Arguments are sizes by the letters of ``moe_core``; A: assignments, of which P are kept. size: bytes
of an element of logits or rows. The time of a stage is at least this over the bandwidth of memory.
"""

INT64, FP32, BOOL = 8, 4, 1


def select(T: int, E: int, K: int, size: int) -> int:
    """Logits in; experts and weights out."""
    return T * E * size + T * K * (INT64 + FP32)


def terms(T: int, E: int, G: int) -> int:
    """What the terms of both losses add: mean probabilities, loads and logsumexp out."""
    return G * E * (FP32 + INT64) + T * FP32


def select_backward(T: int, E: int, K: int, size: int) -> int:
    """Logits, experts, weights and their gradient in; the gradient of logits out."""
    return 2 * T * E * size + T * K * (INT64 + 2 * FP32)


def limit_capacity(A: int) -> int:
    """Experts and what was kept before in; what is kept and the order by expert out."""
    return A * (INT64 + BOOL) + A * (BOOL + INT64)


def lay_out_and_pack(T: int, A: int, P: int, D: int, size: int) -> int:
    """Tokens, experts and what is kept in; packed rows and the row of each assignment out."""
    return T * D * size + A * (INT64 + BOOL) + P * D * size + A * INT64


def combine(T: int, A: int, P: int, D: int, size: int) -> int:
    """Rows of experts, weights and the row of each assignment in; tokens out."""
    return P * D * size + A * (FP32 + INT64) + T * D * size


def pack_backward(T: int, A: int, P: int, D: int, size: int) -> int:
    """The gradient of packed rows and the row of each assignment in; that of tokens out."""
    return P * D * size + A * INT64 + T * D * size


def combine_backward(T: int, A: int, P: int, D: int, size: int) -> int:
    """The gradient of tokens, rows, weights, rows' places in; gradients of rows and weights out."""
    return T * D * size + P * D * size + A * (FP32 + INT64) + P * D * size + A * FP32
