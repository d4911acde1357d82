"""Named random streams: what one part of a run draws never shifts what another part draws."""

import hashlib

import torch


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on the run's seed and the name of the stream alone."""
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def stream(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator for one named stream, e.g. ``stream(0, "batches", step)``."""
    return torch.Generator().manual_seed(stream_seed(seed, *names))
