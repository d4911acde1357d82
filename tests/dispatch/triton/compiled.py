"""Compile each kernel for an H100, which need not be there, and print its name."""

from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from moe_core.dispatch.triton import move, select, slots

INT32, INT64, FP32, BF16, BOOL = "i32", "*i64", "*fp32", "*bf16", "*i1"
SELECT = {"TOP_K": 3, "GATE": "all", "TERMS": True, "BLOCK_K": 4, "BLOCK_E": 64}
# a size of 1 becomes a constant
SIZES = {"scope": 1, "num_tokens": 1, "tiles": 1}


def compiled(tuned: Any, types: dict[str, str], constants: dict[str, Any]) -> None:
    """The kernel with its first candidate of block sizes."""
    kernel, config = tuned.fn, tuned.configs[0]
    names = kernel.arg_names
    fixed = {n: v for n, v in (SIZES | constants | config.kwargs).items() if n in names}
    signature = {n: "constexpr" if n in fixed else types.get(n, INT32) for n in names}
    source = ASTSource(kernel, signature, {(names.index(n),): v for n, v in fixed.items()})
    options = {"num_warps": config.num_warps}
    triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    print(kernel.fn.__name__)


def main() -> None:
    """All of them."""
    rows = dict.fromkeys(("logits", "d_logits", "source", "rows", "other", "sums"), BF16)
    floats = ("bias", "weight", "prob_sums", "logsumexp", "d_weight", "d_prob", "d_logsumexp")
    tables = dict.fromkeys(("expert", "start", "first", "row"), INT64) | {"counted": BOOL}
    counts = dict.fromkeys(("loads", "counts", "earlier", "slot"), "*i32")
    types = rows | dict.fromkeys((*floats, "products"), FP32) | tables | counts
    compiled(select._forward, types, SELECT | {"BIASED": True})
    compiled(select._backward, types, SELECT)
    tile = {"COUNTED": True, "BLOCK": slots.BLOCK_A}
    compiled(slots._count, types, tile)
    compiled(slots._place, types | {"first": "*i32"}, tile)
    compiled(move._spread, types, {"WEIGHTED": True})
    compiled(move._collect, types, {"WEIGHTED": True})


if __name__ == "__main__":
    main()
