"""Measure capacity, pack and combine on random, skewed and recorded assignments.

Where the run to record failed, its cells are rows with the reason and without measures.
"""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pandas as pd
from safetensors import safe_open
from safetensors.torch import load_file

from moe_core.measure.capacity_bench import (
    CapacityCell,
    measure_cells,
    top_k_routing,
    uniform_logits,
    zipf_logits,
)
from moe_core.provenance import write_atomic
from moe_core.random_streams import stream
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run


def cells(spec: dict, recorded: list[Path]) -> Iterator[CapacityCell]:
    """Assignments x E x K x CF; recorded logits come in the order of ``num_experts``."""
    tokens = spec["tokens"]
    for num_experts, path in zip(spec["num_experts"], recorded, strict=True):
        kinds = {
            "random": uniform_logits(tokens, num_experts, stream(0, "random", num_experts)),
            "zipf": zipf_logits(
                tokens, num_experts, spec["zipf_exponent"], stream(0, "zipf", num_experts)
            ),
        }
        if logits := load_file(path):  # none of a run that failed
            kinds["recorded"] = logits["logits_TE"]
        for kind, logits_TE in kinds.items():
            for top_k in spec["top_k"]:
                routing = top_k_routing(logits_TE, top_k)
                for capacity_factor in spec["capacity_factors"]:
                    yield CapacityCell(kind, capacity_factor, top_k, routing)


def holes(spec: dict, recorded: list[Path]) -> list[dict[str, object]]:
    """Rows of the recorded cells that there are not."""
    rows = []
    for num_experts, path in zip(spec["num_experts"], recorded, strict=True):
        with safe_open(path, "pt") as file:
            reason = (file.metadata() or {}).get("not_recorded")
        if reason:
            rows += [
                {"assignments": "recorded", "num_experts": num_experts, "top_k": top_k}
                | {"capacity_factor": capacity_factor, "not_recorded": reason}
                for top_k, capacity_factor in product(spec["top_k"], spec["capacity_factors"])
            ]
    return rows


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--recorded", type=Path, nargs="+", required=True)
    path_argument(arguments, "out")
    given = arguments.parse_args()
    prepare_process("cpu", given.threads)
    spec = given.spec
    rows = measure_cells(cells(spec, given.recorded), spec["dim"], spec["repeats"])
    table = pd.DataFrame(rows + holes(spec, given.recorded))
    table["not_recorded"] = table.get("not_recorded")  # a column in any case
    write_atomic(given.out, table.to_csv(index=False))
    print(f"{len(table)} cells, memcpy {table.memcpy_bytes_per_s.iloc[0] / 1e9:.1f} GB/s")


if __name__ == "__main__":
    run(main)
