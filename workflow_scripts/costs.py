"""What each rule costs, from the benchmarks of its jobs; and how far off the last preview was."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
from pydantic import ValidationError
from snakemake.io import apply_wildcards, glob_wildcards

from moe_core.costs import adapter_flops, fit, image_flops, model_cost, run_flops, shape_flops
from moe_core.provenance import write_atomic
from moe_core.runs import AdapterSpec, ImageSpec, JobSpec, RunSpec, ShapeSpec, TextSpec
from moe_core.training.history import History
from moe_core.vision.flops import image_cost
from workflow_scripts.command import parser, path_argument, run

# rules whose jobs differ in size: what reads their row, and counts its FLOPs
SIZED = {
    "train": (RunSpec, run_flops),
    "adapt": (AdapterSpec, adapter_flops),
    "train_images": (ImageSpec, image_flops),
    "throughput": (ShapeSpec, shape_flops),
}
# of a vocabulary that is not made yet: those of ASCII, and of gpt-neo
USUAL_VOCABULARY = {"char": 128, "pretrained": 50257}
WEIGHT_BYTES = 4  # float32
COLUMNS = [
    "rule",
    "device",
    "threads",
    "jobs",
    "median_s",
    "mean_s",
    "mean_output_bytes",
    "startup_s",
    "flops_per_s",
    "most_flops",
]


@cache
def vocabulary(tokens: str) -> int | None:
    """Size of the vocabulary of encoded stories, None where they are not made yet."""
    meta = Path("results/tokens") / tokens / "meta.json"
    return json.loads(meta.read_text())["vocab_size"] if meta.is_file() else None


def symbols(spec: TextSpec | ImageSpec | ShapeSpec) -> int | None:
    """Size of the vocabulary of a job, or classes of its images; None if not known yet."""
    return spec.shape.classes if isinstance(spec, ImageSpec) else vocabulary(spec.tokens)


def work(rule: str, spec: JobSpec | ShapeSpec, threads: int, vocab_size: int) -> float | None:
    """FLOPs of a job of a sized rule, of one of its CPU threads or GPUs; None if unknown."""
    gpus = spec.world_size if isinstance(spec, JobSpec) else 1
    flops = SIZED[rule][1](spec, vocab_size)
    return flops and flops / (threads if spec.device == "cpu" else gpus)


def matches(pattern: str) -> Iterator[dict[str, str]]:
    """The wildcards of each file that a rule's pattern has made."""
    if "{" not in pattern:
        yield from [{}] if Path(pattern).is_file() else []
        return
    found = glob_wildcards(pattern)
    for values in zip(*found, strict=True):
        yield dict(zip(found._fields, values, strict=True))


def measured(rules: dict[str, dict]) -> pd.DataFrame:
    """A row a job whose benchmark and outputs are there: rule, device, threads, seconds, bytes.

    rules: by name the patterns of its benchmark and its outputs, and its threads. Jobs of sized
    rules have their flops too; of these, runs that failed or were resumed are left out, for their
    benchmark is of a part of the work.
    """
    rows = []
    for rule, files in rules.items():
        for wildcards in matches(files["benchmark"]):
            benchmark = Path(apply_wildcards(files["benchmark"], wildcards))
            outputs = [Path(apply_wildcards(name, wildcards)) for name in files["output"]]
            if not all(path.is_file() for path in outputs):
                continue
            row = {
                "rule": rule,
                "device": "cpu",
                "threads": files["threads"],
                "seconds": json.loads(benchmark.read_text())["s"],
                "bytes": sum(path.stat().st_size for path in outputs),
            }
            if rule in SIZED:
                size = measured_size(rule, outputs)
                if size is None:
                    continue
                row |= size
                row["bytes"] -= row.pop("weight_bytes")
            rows.append(row)
    return pd.DataFrame(rows, columns=["rule", "device", "threads", "seconds", "bytes", "flops"])


def measured_size(rule: str, outputs: list[Path]) -> dict | None:
    """Device, threads, FLOPs and bytes of weights of a finished job; None where they mislead."""
    (path,) = [path for path in outputs if path.suffix == ".json"]
    result = json.loads(path.read_text())
    try:
        spec = SIZED[rule][0].model_validate(result["spec"])
    except ValidationError:  # of an older schema
        return None
    vocab_size = symbols(spec)
    if vocab_size is None or result.get("status") == "failed" or resumed(path.parent):
        return None
    threads = (
        spec.threads * spec.world_size
        if isinstance(spec, JobSpec)
        else result["process"]["threads"]
    )
    return {
        "device": spec.device,
        "threads": threads,
        "flops": work(rule, spec, threads, vocab_size),
        "weight_bytes": weight_bytes(rule, spec, vocab_size),
    }


def resumed(folder: Path) -> bool:
    """Whether the last attempt at a run went on from a checkpoint."""
    events = History(folder / "state/history.jsonl").events()
    starts = [event["step"] for event in events if event["event"] == "start"]
    return bool(starts) and starts[-1] > 0


def weight_bytes(rule: str, spec: JobSpec | ShapeSpec, vocab_size: int) -> int:
    """Bytes of the weights of the model that a job trains."""
    if isinstance(spec, ImageSpec):
        return WEIGHT_BYTES * image_cost(spec.model, spec.shape).params_total
    if not isinstance(spec, RunSpec):
        return 0
    counted = model_cost(spec.model, vocab_size, spec.training.seq_len)
    return WEIGHT_BYTES * counted.params_total


def costs(jobs: pd.DataFrame) -> pd.DataFrame:
    """A row a rule and device: jobs, seconds, bytes; of sized rules start-up and FLOP/s.

    mean_output_bytes leaves out the weights, which are counted. flops_per_s is that of one thread
    of a CPU, or of a GPU, and so are most_flops, those of the largest job.
    """
    rows = []
    for (rule, device), own in jobs.groupby(["rule", "device"]):
        row = {
            "rule": rule,
            "device": device,
            "threads": own.threads.median(),
            "jobs": len(own),
            "median_s": own.seconds.median(),
            "mean_s": own.seconds.mean(),
            "mean_output_bytes": own.bytes.mean(),
        }
        if own.flops.notna().all():
            line = fit(own.flops.to_list(), own.seconds.to_list())
            row |= {"startup_s": line.startup_s, "flops_per_s": line.flops_per_s}
            row["most_flops"] = own.flops.max()
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def against_truth(preview: dict) -> pd.DataFrame:
    """Estimated and measured core-hours by rule, of the previewed jobs that have run since."""
    rows = []
    for job in preview["jobs"]:
        path = Path(job["benchmark"] or "")
        ran = path.is_file() and path.stat().st_mtime > preview["time"]
        hours = job["threads"] / 3600
        row = {"rule": job["rule"], "planned_jobs": 1, "measured_jobs": int(ran)}
        if ran and job["seconds"] is not None:
            row["estimated_core_hours"] = job["seconds"] * hours
            row["measured_core_hours"] = json.loads(path.read_text())["s"] * hours
        rows.append(row)
    columns = ["estimated_core_hours", "measured_core_hours"]
    table = pd.DataFrame(rows).reindex(columns=["rule", "planned_jobs", "measured_jobs", *columns])
    table = table.groupby("rule").sum(min_count=1).reset_index()
    total = table.sum(numeric_only=True).to_frame().T.assign(rule="all")
    table = pd.concat([table, total])
    return table.assign(ratio=table[columns[0]] / table[columns[1]])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rules", type=json.loads, required=True, help="files of each rule")
    path_argument(arguments, "preview", "costs", "truth")
    given = arguments.parse_args()
    table = costs(measured(given.rules))
    write_atomic(given.costs, table.to_csv(index=False))
    print(table.round(2).to_string(index=False))
    if given.preview.is_file():
        truth = against_truth(json.loads(given.preview.read_text()))
        write_atomic(given.truth, truth.to_csv(index=False))
        print("\nthe last preview, and what its jobs took:")
        print(truth.round(4).to_string(index=False))


if __name__ == "__main__":
    run(main)
