"""What `snakemake all` would run and why, and what it would cost. Changes and starts nothing."""

import json
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from moe_core.costs import Line
from moe_core.lineage import TRAINING
from moe_core.provenance import write_atomic
from moe_core.runs import cell_name
from moe_core.schedule import Task, makespan
from moe_core.study import Study, load_study
from workflow_scripts.aggregate import WANTED
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.costs import (
    SIZED,
    USUAL_VOCABULARY,
    costs,
    measured,
    symbols,
    weight_bytes,
    work,
)
from workflow_scripts.planning import Job, planned

ENOUGH = 5  # trained runs, for a machine's own costs to count
FAR = 2.0  # times the largest measured job
STORED = Path("results/reference")
SEEDS = f"bits_per_byte_minus_dense_seeds_for_{WANTED:g}"


def known_costs(rules: dict[str, dict], device: str) -> tuple[pd.DataFrame, str]:
    """Costs measured here if enough runs were, else the stored ones; and which they are."""
    own = costs(measured(rules))
    trained = own[own.rule.eq("train") & own.device.eq(device)].jobs.sum()
    if trained >= ENOUGH:
        return own, f"measured here, {trained} trained runs"
    stored = STORED / "costs.csv"
    if stored.is_file():
        return pd.read_csv(stored), f"{stored}, of another machine"
    return own.iloc[:0], "no measured costs yet"


def estimates(jobs: list[Job], table: pd.DataFrame, study: Study) -> list[dict]:
    """Seconds and bytes of each job, None where its rule was never measured.

    Of jobs of sized rules also stretch: their FLOPs as a multiple of the largest measured job's.
    """
    by_rule = table.set_index(["rule", "device"]).to_dict("index")
    found = []
    for job in jobs:
        spec = SIZED[job.rule][0].model_validate_json(job.spec) if job.rule in SIZED else None
        row = by_rule.get((job.rule, spec.device if spec else "cpu"))
        seconds = size = stretch = None
        if row:
            seconds, size = row["mean_s"], row["mean_output_bytes"]
            if spec:
                vocab_size = symbols(spec) or usual_vocabulary(study, spec.tokens)
                flops = work(job.rule, spec, job.threads, vocab_size)
                if flops and pd.notna(row["most_flops"]):
                    seconds = Line(row["startup_s"], row["flops_per_s"]).seconds(flops)
                    stretch = flops / row["most_flops"]
                size += weight_bytes(job.rule, spec, vocab_size)
        found.append({"seconds": seconds, "bytes": size, "stretch": stretch})
    return found


def usual_vocabulary(study: Study, tokens: str) -> int:
    """Size of a vocabulary before it is made."""
    tokenizer = study.tokenizers[tokens]
    if tokenizer.kind == "bpe":
        return tokenizer.bpe.vocab_size
    return USUAL_VOCABULARY[tokenizer.kind]


def job_lines(jobs: list[Job]) -> list[str]:
    """How many jobs of each rule, and why."""
    counts = Counter(job.rule for job in jobs)
    wide, lines = max(map(len, counts)), []
    for rule, count in counts.most_common():
        why = Counter(job.reason for job in jobs if job.rule == rule)
        reasons = ", ".join(f"{reason} ({number})" for reason, number in why.most_common())
        lines.append(f"  {rule:{wide}}  {count} job{'s' if count > 1 else ''}: {reasons}")
    return lines


def cells_line(jobs: list[Job], study: Study) -> str:
    """Cells whose runs are all trained as the study and its code stand, of all cells."""
    planned_runs = {Path(job.output).parent.name for job in jobs if job.rule in TRAINING}
    unfinished: dict[tuple, bool] = {}
    for name, spec in study.all_runs.items():
        cell = (cell_name(spec), spec.data_name, spec.training.steps)
        unfinished[cell] = unfinished.get(cell, False) or name in planned_runs
    return f"cells     {len(unfinished) - sum(unfinished.values())} of {len(unfinished)} done"


def cost_lines(jobs: list[Job], found: list[dict], cores: int, gpus: int | None) -> list[str]:
    """Hours and disk, as far as they were measured."""
    unknown = sorted({j.rule for j, e in zip(jobs, found, strict=True) if e["seconds"] is None})
    if len(unknown) == len({job.rule for job in jobs}):
        return []
    seconds = [estimate["seconds"] or 0.0 for estimate in found]
    core_hours = sum(s * job.threads for s, job in zip(seconds, jobs, strict=True)) / 3600
    gpu_hours = sum(s * job.gpus for s, job in zip(seconds, jobs, strict=True)) / 3600
    wall = wall_clock_s(jobs, found, cores, gpus) / 3600
    size = sum(estimate["bytes"] or 0.0 for estimate in found)
    lines = [
        f"hours     {core_hours:.2f} core-hours, {gpu_hours:.2f} GPU-hours, "
        f"{wall:.2f} by the clock on {cores} cores",
        f"disk      {size / 1e6:,.0f} MB",
    ]
    stretch = max((estimate["stretch"] or 0.0 for estimate in found), default=0.0)
    if stretch > FAR:
        lines.append(f"          a guess: the largest job is {stretch:.0f} times any measured one")
    if unknown:
        lines.append(f"          and what was never measured: {', '.join(unknown)}")
    return lines


def wall_clock_s(jobs: list[Job], found: list[dict], cores: int, gpus: int | None) -> float:
    """Seconds from the first start to the last end, as far as they were measured."""
    tasks = [
        Task(estimate["seconds"] or 0.0, job.threads, job.gpus, job.after)
        for job, estimate in zip(jobs, found, strict=True)
    ]
    return makespan(tasks, cores, gpus)


def seeds_line(study: Study) -> str:
    """Seeds that the smallest effect of interest needs, beside those that are configured."""
    cells, source = measured_cells(study)
    if cells.empty:
        return "seeds     how many the smallest effect of interest needs was never measured"
    headline = cells.strategy.isin(study.config.experiments.unified.headline)
    configured = headline.map({True: len(study.scale.seeds), False: len(study.scale.other_seeds)})
    needed = cells[SEEDS]
    return (
        f"seeds     {WANTED:g} bits per byte need {needed.min():.0f} to {needed.max():.0f}, median "
        f"{needed.median():.0f}; configured {len(study.scale.seeds)}, of arms that are not "
        f"headline {len(study.scale.other_seeds)}: enough for {(needed <= configured).sum()} of "
        f"{len(cells)} cells of {source}"
    )


def measured_cells(study: Study) -> tuple[pd.DataFrame, Path]:
    """Cells with a spread over seeds: those of this study if it has any, else the stored ones."""
    specs = [study.runs[name] for name in study.unified]
    own = {(cell_name(spec), spec.training.steps) for spec in specs}
    here, stored = (folder / "unified/aggregate.csv" for folder in (Path("results"), STORED))
    cells = spread_of(here)
    same = [pair in own for pair in zip(cells.cell, cells.steps, strict=True)]
    return (cells[same], here) if any(same) else (spread_of(stored), stored)


def spread_of(aggregate: Path) -> pd.DataFrame:
    """The cells of a table, if it is there, whose spread over seeds is known."""
    wanted = ["cell", "strategy", "steps", SEEDS]
    if not aggregate.is_file():
        return pd.DataFrame(columns=wanted)
    return pd.read_csv(aggregate).reindex(columns=wanted).dropna(subset=SEEDS)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--config", type=json.loads, required=True, help="all of it")
    arguments.add_argument("--rules", type=json.loads, required=True, help="files of each rule")
    arguments.add_argument("--cores", type=int, required=True)
    arguments.add_argument("--gpus", type=json.loads, required=True, help="a number, or null")
    arguments.add_argument("--max-checksum-file-size", type=int, required=True, help="bytes")
    path_argument(arguments, "snakefile", "out")
    given = arguments.parse_args()
    study = load_study(given.config)
    jobs = planned("all", given.snakefile, given.config, given.cores, given.max_checksum_file_size)
    print(f"\nsnakemake all, scale {study.config.scale}, changes nothing:\n")
    if not jobs:
        print("jobs      nothing to do: all results are up to date")
        print(cells_line(jobs, study), seeds_line(study), sep="\n")
        return
    table, source = known_costs(given.rules, study.config.device)
    found = estimates(jobs, table, study)
    print(f"jobs      {len(jobs)}, at most: a job whose inputs come out as they were is spared")
    print(*job_lines(jobs), sep="\n")
    print(cells_line(jobs, study), f"costs     {source}", sep="\n")
    print(*cost_lines(jobs, found, given.cores, given.gpus), seeds_line(study), sep="\n")
    kept = ("rule", "benchmark", "threads", "gpus")
    estimate = {
        "time": time.time(),
        "scale": study.config.scale,
        "costs": source,
        "cores": given.cores,
        "wall_clock_s": wall_clock_s(jobs, found, given.cores, given.gpus),
        "jobs": [
            {key: asdict(job)[key] for key in kept} | one
            for job, one in zip(jobs, found, strict=True)
        ],
    }
    given.out.parent.mkdir(exist_ok=True)
    write_atomic(given.out, json.dumps(estimate, indent=1))


if __name__ == "__main__":
    run(main)
