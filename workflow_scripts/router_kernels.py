"""Time the stages of routing in torch, compiled torch and Triton, and hold them to one another."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict
from itertools import product

import numpy as np
import pandas as pd
import torch

from moe_core.measure.clock import seconds_in_turn, spread_ms
from moe_core.measure.facts import exact, fact_table, missing, of_repeats
from moe_core.measure.router_kernels import (
    DTYPES,
    Shape,
    Variant,
    bytes_moved,
    deviation,
    random_inputs,
    variants,
)
from moe_core.measure.stages import STAGES, VARIANTS, Stage
from moe_core.provenance import write_atomic
from moe_core.training.process import prepare_process
from workflow_scripts.command import parser, path_argument, run

MOST_OFF = 0.05  # of torch's largest value: what is further off is another function


def shapes(spec: dict) -> list[Shape]:
    """T x E x K."""
    axes = product(spec["tokens"], spec["num_experts"], spec["top_k"])
    dtype = DTYPES[spec["precision"]]
    return [Shape(tokens, experts, top_k, spec["dim"], dtype) for tokens, experts, top_k in axes]


def measured(shape: Shape, spec: dict) -> list[dict]:
    """A row a stage and variant, samples among them; one that cannot be measured says why.

    Each is held to torch's results first. Beside a stage a plain copy moves as many bytes, so that
    a cache which holds the one holds the other.
    """
    inputs = random_inputs(shape, spec["device"])
    kept = int(inputs.limited.kept_A.sum())
    moved = {stage: bytes_moved(shape, kept, stage) for stage in STAGES}
    calls = {("copy", stage): copying(moved[stage], spec["device"]) for stage in STAGES}
    absent, off = {}, {}
    for name, variant in variants(spec["device"]).items():
        if isinstance(variant, Variant):
            off[name] = deviation(variant, inputs)
            if off[name].mismatches or off[name].relative_error > MOST_OFF:
                error = f"{off[name].relative_error:.2g} of the largest value"
                absent[name] = f"not timed: {off[name].mismatches} places, or {error}, off torch's"
                continue
            calls |= {(name, stage): call for stage, call in variant.calls(inputs).items()}
        else:
            absent[name] = variant
    samples = seconds_in_turn(calls, spec["repeats"], spec["device"])
    about = {
        "tokens": shape.tokens,
        "num_experts": shape.num_experts,
        "top_k": shape.top_k,
        "dim": shape.dim,
        "precision": spec["precision"],
        "device": spec["device_name"],
    }
    rows = []
    for name, stage in product(VARIANTS, STAGES):
        row = about | {"stage": stage, "variant": name, "not_measured": absent.get(name)}
        row |= asdict(off[name]) if name in off else {}
        if name not in absent:
            copied, spent = samples["copy", stage], samples[name, stage]
            seconds = statistics.median(spent)
            row |= spread_ms(spent)
            row |= {
                "bytes_moved": moved[stage],
                "bytes_per_s": moved[stage] / seconds,
                "copy_bytes_per_s": moved[stage] / statistics.median(copied),
                "bandwidth_share": statistics.median(copied) / seconds,
            }
        rows.append(row)
    return rows


def copying(moved: int, device: str) -> Callable[[], object]:
    """A copy that reads and writes so many bytes in all."""
    source = torch.ones(max(1, moved // 2), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def log_seconds_SR(table: pd.DataFrame, variant: str, stages: tuple[Stage, ...]) -> np.ndarray:
    """Logarithm of the milliseconds of some stages together, shapes by repeats."""
    rows = table[(table.variant == variant) & table["stage"].isin(stages)]
    by_shape = rows.groupby(["tokens", "num_experts", "top_k"]).samples_ms
    return np.log(
        [np.sum([np.fromstring(line, sep=" ") for line in lines], axis=0) for _, lines in by_shape]
    )


def speedup(
    table: pd.DataFrame, variant: str, rivals: list[str], stages: tuple[Stage, ...]
) -> np.ndarray:
    """Logarithm of the gain over the faster rival, a mean over shapes, one a repeat."""
    theirs = np.stack([log_seconds_SR(table, rival, stages) for rival in rivals])
    fastest_S = np.median(theirs, axis=2).argmin(0)
    best_SR = theirs[fastest_S, np.arange(len(fastest_S))]
    return (best_SR - log_seconds_SR(table, variant, stages)).mean(0)


def facts(table: pd.DataFrame) -> pd.DataFrame:
    """Whether Triton and compiled torch are what torch is, and how much faster."""
    found = []
    for variant, name in (("Triton", "triton"), ("compiled torch", "compiled")):
        rows = table[table.variant == variant]
        held = rows[rows.mismatches.notna()].drop_duplicates(["tokens", "num_experts", "top_k"])
        reasons = rows.not_measured.dropna()
        why = reasons.iloc[0] if len(reasons) else ""
        told = (
            (f"{name}_mismatches", f"places where {variant} differs from torch", "count"),
            (f"{name}_relative_error", f"largest error of {variant} relative to torch", "error"),
        )
        for (fact, about, unit), column in zip(told, ("mismatches", "relative_error"), strict=True):
            value = held[column].sum() if column == "mismatches" else held[column].max()
            row = exact(fact, about, value, unit) if len(held) else missing(fact, about, unit, why)
            found.append(row)
        others = [other for other in VARIANTS if other not in (variant, "Triton")]
        timed = [other for other in others if table[table.variant == other].ms.notna().all()]
        for part, stages in (("router", ("select", "slots")), ("move", ("move",))):
            fact = f"{name}_{part}_speedup"
            about = f"speed of {variant} over {' and '.join(timed)}, the faster, {part}"
            if why:
                found.append(missing(fact, about, "ratio", why))
            else:
                found.append(of_repeats(fact, about, speedup(table, variant, timed, stages)))
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
