"""Time the stages of routing in torch, compiled torch and Triton, and hold them to one another."""

import json
import statistics
from itertools import product

import numpy as np
import pandas as pd
import torch

from moe_core.measure.clock import seconds_in_turn
from moe_core.measure.facts import exact, fact_table, missing, of_repeats
from moe_core.measure.router_kernels import (
    TORCH,
    Shape,
    Variant,
    bytes_moved,
    deviation,
    random_inputs,
    variants,
)
from moe_core.measure.stages import STAGES
from moe_core.provenance import write_atomic
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run

COPIED_BYTES = 1 << 28


def shapes(spec: dict) -> list[Shape]:
    """T x E x K."""
    dtype = torch.float32 if spec["precision"] == "fp32" else torch.bfloat16
    axes = product(spec["tokens"], spec["num_experts"], spec["top_k"])
    return [Shape(tokens, experts, top_k, spec["dim"], dtype) for tokens, experts, top_k in axes]


def measured(shape: Shape, spec: dict) -> list[dict]:
    """A row a stage and variant, samples in seconds among them; one that cannot be says why."""
    device = spec["device"]
    inputs = random_inputs(shape, device)
    kept = int(inputs.limited.kept_A.sum())
    source = torch.ones(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    calls = {("copy", "copy"): lambda: target.copy_(source)}
    found = variants(device)
    for name, variant in found.items():
        if isinstance(variant, Variant):
            calls |= {(name, stage): call for stage, call in variant.calls(inputs).items()}
    samples = seconds_in_turn(calls, spec["repeats"], device)
    copy_rate = 2 * COPIED_BYTES / statistics.median(samples["copy", "copy"])
    about = {
        "tokens": shape.tokens,
        "num_experts": shape.num_experts,
        "top_k": shape.top_k,
        "dim": shape.dim,
        "precision": spec["precision"],
        "device": spec["device_name"],
    }
    rows = []
    for name, variant in found.items():
        if isinstance(variant, str):
            rows += [about | {"stage": s, "variant": name, "not_measured": variant} for s in STAGES]
            continue
        off = deviation(variant, inputs) if variant is not TORCH else None
        for stage in STAGES:
            rows.append(
                about
                | {"stage": stage, "variant": name, "not_measured": None}
                | timed(samples[name, stage], bytes_moved(shape, kept, stage), copy_rate)
                | {
                    "mismatches": off.mismatches if off else None,
                    "relative_error": off.relative_error if off else None,
                }
            )
    return rows


def timed(seconds: list[float], moved: int, copy_rate: float) -> dict:
    """Columns of a measured stage: median, quartiles, samples, and what it moved of a copy's."""
    low, middle, high = statistics.quantiles(seconds, n=4)
    return {
        "ms": middle * 1e3,
        "ms_lower_quartile": low * 1e3,
        "ms_upper_quartile": high * 1e3,
        "samples_ms": " ".join(f"{1e3 * s:.6g}" for s in seconds),
        "bytes_moved": moved,
        "bytes_per_s": moved / middle,
        "memcpy_bytes_per_s": copy_rate,
        "bandwidth_share": moved / middle / copy_rate,
    }


def log_total_RS(table: pd.DataFrame, variant: str) -> np.ndarray:
    """Logarithm of the seconds of all stages, repeats by shapes."""
    of_variant = table[table.variant == variant]
    by_shape = of_variant.groupby(["tokens", "num_experts", "top_k"]).samples_ms
    return np.log(
        [np.sum([np.fromstring(line, sep=" ") for line in lines], axis=0) for _, lines in by_shape]
    ).T


def facts(table: pd.DataFrame) -> pd.DataFrame:
    """Whether Triton and compiled torch are what torch is, and how much faster."""
    found = []
    for variant, name in (("Triton", "triton"), ("compiled torch", "compiled")):
        rows = table[table.variant == variant]
        why = rows.not_measured.iloc[0]
        if isinstance(why, str):
            found += [missing(f"{name}_mismatches", "count", why)]
            found += [missing(f"{name}_speedup", "ratio", why)]
            continue
        shapes = rows.drop_duplicates(["tokens", "num_experts", "top_k"])
        found.append(exact(f"{name}_mismatches", shapes.mismatches.sum(), "count", len(shapes)))
        gain_R = (log_total_RS(table, "torch") - log_total_RS(table, variant)).mean(1)
        found.append(of_repeats(f"{name}_speedup", gain_R))
    return fact_table(found)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True)
    arguments.add_argument("--threads", type=int, required=True)
    path_argument(arguments, "out", "facts")
    given = arguments.parse_args()
    process = prepare_process(given.spec["device"], given.threads)
    spec = given.spec | {"device_name": process.device_name}
    table = pd.DataFrame([row for shape in shapes(spec) for row in measured(shape, spec)])
    write_atomic(given.facts, facts(table).to_csv(index=False))
    write_atomic(given.out, table.to_csv(index=False))
    print(f"{table.ms.notna().sum()} of {len(table)} cells measured")


if __name__ == "__main__":
    run(main)
