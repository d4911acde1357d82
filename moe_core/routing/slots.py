"""Slots of an expert, and how many assignments random routing has beyond them. Free of torch."""

import math


def slots_per_expert(capacity_factor: float, top_k: int, group_size: int, num_experts: int) -> int:
    """C = ceil(cf * k * S / E), at most S (GShard, arXiv 2006.16668, section 3.1)."""
    slots = math.ceil(capacity_factor * top_k * group_size / num_experts - 1e-9)
    return min(slots, group_size)


def random_drop_law(capacity: int, tokens: int, top_k: int, num_experts: int) -> float:
    """Expected drop rate of uniformly random routing, normal approximation of the binomial.

    A queue holds X ~ Binomial(T, k/E) assignments with mean m = T*k/E and deviation
    s = sqrt(T*q*(1-q)), q = k/E. With w = (C - m) / s,
    ``drop = E[max(X - C, 0)] / m = (s/m) * (phi(w) - w * (1 - Phi(w)))``.
    """
    share = top_k / num_experts
    mean = tokens * share
    deviation = math.sqrt(tokens * share * (1 - share))
    if deviation == 0:  # k = E: every expert receives every token
        return max(0.0, 1 - capacity / mean)
    w = (capacity - mean) / deviation
    density = math.exp(-w * w / 2) / math.sqrt(2 * math.pi)
    return float(deviation / mean * (density - w * math.erfc(w / math.sqrt(2)) / 2))
