"""Causal attention over all pairs beside the tiled kernel of SDPA, forward and backward, on a CPU.

python benchmarks/attention.py --out attention.json
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import timing  # noqa: F401  before torch, which reads settings when it loads
import torch
import torch.nn.functional as F
from timing import interleaved
from torch import Tensor

from moe_core.model.transformer import short_attention
from moe_core.provenance import environment, write_atomic
from moe_core.training.process import prepare_process

# sequences, heads, tokens, width of a head: the scales quick, cpu and seed, then longer ones
SHAPES = [(8, 2, 128, 32), (8, 3, 128, 32), (8, 4, 256, 64), (8, 8, 512, 64), (4, 8, 1024, 64)]
Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


def tiled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def forward_backward(attention: Attention, qkv: Tensor, upstream: Tensor) -> Callable[[], None]:
    """One pass; q, k and v are views of one tensor, as in the model."""

    def run() -> None:
        qkv.grad = None
        attention(*qkv.permute(2, 0, 3, 1, 4)).backward(upstream)

    return run


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--budget", type=float, default=20, help="seconds of a shape")
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    process = prepare_process("cpu", given.threads)
    rows = []
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        for batch, heads, size, width in SHAPES:
            qkv = torch.randn(batch, size, 3, heads, width).to(dtype).requires_grad_()
            upstream = torch.randn(batch, heads, size, width).to(dtype)
            timings = interleaved(
                {
                    name: forward_backward(attention, qkv, upstream)
                    for name, attention in (("tiled", tiled), ("all pairs", short_attention))
                },
                given.rounds,
                "cpu",
                given.budget,
            )
            ms = {name: taken.seconds * 1e3 for name, taken in timings.items()}
            shape = {"sequences": batch, "heads": heads, "tokens": size, "head_dim": width}
            rows.append(
                {"precision": precision, **shape, "ms": ms, "gain": ms["tiled"] / ms["all pairs"]}
            )
            print(json.dumps(rows[-1]), flush=True)
    result = {"environment": environment(), "process": process.as_dict(), "rows": rows}
    if given.out:
        write_atomic(given.out, json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
