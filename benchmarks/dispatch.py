"""Measure which dispatch backend is the fastest, and write the table that ``auto`` reads.

    python benchmarks/dispatch.py --out dispatch.json --table moe_core/dispatch/measured.py

Forward + backward of whole MoE layers (softk, K = 2, capacity factor 1.25) on a CPU, backends
interleaved, in one process for each number of threads.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import timing  # noqa: F401  before torch, which reads settings when it loads
from compute import forward_backward
from layers import DTYPES, Ours, Shape, prepared
from timing import interleaved

from moe_core.provenance import environment, write_atomic
from moe_core.training.process import prepare_process

BACKENDS = ("segments", "grouped", "padded")
SIZES = [(64, 96), (96, 96), (256, 1024)]  # D and F: the scales quick, cpu and seed
TOKENS = (1024, 8192)
EXPERTS = (8, 32, 128)


def measure(threads: int, rounds: int, budget: float) -> list[dict[str, object]]:
    """A row a shape: milliseconds by backend."""
    prepare_process("cpu", threads)
    rows = []
    for precision, (dim, hidden), tokens, experts in itertools.product(
        DTYPES, SIZES, TOKENS, EXPERTS
    ):
        shape = Shape(tokens, dim, hidden, experts, 2, DTYPES[precision], "cpu")
        functions = {
            backend: forward_backward(prepared(Ours(shape, backend, 1.25), shape), shape)
            for backend in BACKENDS
        }
        timings = interleaved(functions, rounds, "cpu", budget)
        ms = {backend: taken.seconds * 1e3 for backend, taken in timings.items()}
        rows.append(
            {
                "precision": precision,
                "threads": threads,
                "experts": experts,
                "rows": 2 * tokens // experts,
                "dim": dim,
                "hidden": hidden,
                "ms": ms,
                "fastest": min(ms, key=lambda backend: ms[backend]),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """The module that auto.py imports."""
    lines = [
        '"""Fastest backend by shape on a CPU. Written by benchmarks/dispatch.py: do not edit."""',
        "",
        "from moe_core.dispatch.kinds import Backend",
        "",
        "# (precision, threads) to (experts, mean rows of an expert, dim, hidden) to the fastest",
        "FASTEST: dict[tuple[str, str], dict[tuple[int, int, int, int], Backend]] = {",
    ]
    for precision, threads in itertools.product(DTYPES, ("one", "more")):
        lines.append(f'    ("{precision}", "{threads}"): {{')
        for row in rows:
            if (row["precision"], row["threads"] == 1) == (precision, threads == "one"):
                sizes = ", ".join(str(row[key]) for key in ("experts", "rows", "dim", "hidden"))
                lines.append(f'        ({sizes}): "{row["fastest"]}",')
        lines.append("    },")
    return "\n".join([*lines, "}", ""])


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--budget", type=float, default=15, help="seconds of a shape")
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--table", type=Path)
    arguments.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.threads:
        write_atomic(given.out, json.dumps(measure(given.threads, given.rounds, given.budget)))
        return
    rows = []
    for threads in (1, os.cpu_count() or 2):
        command = [sys.executable, __file__, "--threads", str(threads), "--out", str(given.out)]
        command += ["--rounds", str(given.rounds), "--budget", str(given.budget)]
        subprocess.run(command, check=True)
        rows += json.loads(given.out.read_text())
    result = {"environment": environment(), "rows": rows}
    write_atomic(given.out, json.dumps(result, indent=1))
    if given.table:
        write_atomic(given.table, table(rows))


if __name__ == "__main__":
    main()
