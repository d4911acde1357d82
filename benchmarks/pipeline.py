"""What the pipeline costs beside its work: planning, starting jobs, and cores left idle.

    python benchmarks/pipeline.py --jobs 10000 --out benchmarks/results/pipeline.json

No-op: `snakemake -n all` on the default study with every output there, as an empty file and
recorded by `snakemake --touch`. Planning: a dry run of the default study on as many seeds as make
the jobs asked for, beside two bare Snakefiles of as many jobs, in turn: `plain`, a file a job, and
`same_files`, with the inputs, outputs, log and benchmark of our training jobs. Imports: each script
of a rule in processes of its own. Cores: four training runs of the default study, two at a time on
one thread each, and one at a time on two. All in copies under the system's temporary folder.
"""

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from benchmarks.outcome import publish
from moe_core.provenance import ROOT, environment
from moe_core.runs import RunSpec, canonical, run_id
from moe_core.study import Study, corpus_spec, load_study, tokenizer_spec

COPIED = ("Snakefile", "config.yaml", "claims.yaml")
COPIED_FOLDERS = ("envs", "moe_core", "profiles", "report", "rules", "workflow_scripts")
SPLITS = ("train.bin", "valid.bin", "test.bin")
PLAIN = """
RUNS = [f"run-{{i}}" for i in range({jobs})]
rule all:
    input: expand("results/runs/{{run}}", run=RUNS)
rule train:
    output: "results/runs/{{run}}"
    shell: "touch {{output}}"
"""
SAME_FILES = """
RUNS = [f"run-{{i}}" for i in range({jobs})]
TOKENS = ["meta.json", "train.bin", "valid.bin", "test.bin"]
FILES = ["metrics.jsonl", "summary.json", "stories.csv", "weights.safetensors"]
rule all:
    input: expand("results/runs/{{run}}/summary.json", run=RUNS)
rule tokens:
    output: expand("results/tokens/{{file}}", file=TOKENS)
    shell: "touch {{output}}"
rule train:
    input: expand("results/tokens/{{file}}", file=TOKENS)
    output: expand("results/runs/{{{{run}}}}/{{file}}", file=FILES)
    log: "results/logs/train/{{run}}.log"
    benchmark: "results/benchmarks/train/{{run}}.jsonl"
    shell: "touch {{output}}"
"""


def call(*arguments: str, folder: Path = ROOT) -> str:
    """Run a Python module to its end; its output."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each work, by name; the repeats of all are interleaved."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            taken[name].append(seconds(work))
    return taken


def repository(folder: Path) -> Path:
    """A copy of what Snakemake reads."""
    folder.mkdir()
    for name in COPIED:
        shutil.copy(ROOT / name, folder)
    for name in COPIED_FOLDERS:
        ignore = shutil.ignore_patterns("__pycache__", "report.pdf")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    return folder


def no_op(folder: Path, repeats: int) -> dict[str, object]:
    """A dry run with nothing to do."""
    copy = repository(folder / "no_op")
    listed = call("snakemake", "all", "--summary", folder=copy)
    for line in re.findall(r"^((?:results|report)/[^\t]+)\t", listed, flags=re.M):
        (copy / line).parent.mkdir(parents=True, exist_ok=True)
        (copy / line).touch()
    call("snakemake", "all", "--touch", "--forceall", "--cores", "1", folder=copy)

    def dry_run() -> None:
        told = call("snakemake", "-n", "all", folder=copy)
        if "Nothing to be done" not in told or "missing provenance" in told:
            raise RuntimeError(told[-2000:])

    taken = in_turn({"seconds": dry_run}, repeats)["seconds"]
    return {"seconds": statistics.median(taken), "repeats": taken}


def planning(folder: Path, study: Study, jobs: int, repeats: int) -> dict[str, object]:
    """Dry runs of about `jobs` training jobs, and of bare Snakefiles of exactly as many."""
    copy = repository(folder / "ours")
    cells = len(study.unified) // len(study.scale.seeds)
    seeds = [*range(1000, 1000 + jobs // cells)]  # apart from the seeds of tuning
    scale = {"seeds": seeds, "other_seeds": seeds}
    (copy / "seeds.yaml").write_text(yaml.safe_dump({"scales": {study.config.scale: scale}}))
    ours = ["snakemake", "-n", "-q", "--configfile", "config.yaml", "seeds.yaml"]
    told = call(*[a for a in ours if a != "-q"], folder=copy)
    trained = int(re.search(r"^train +(\d+)$", told, flags=re.M)[1])
    bare = {"plain": PLAIN, "same_files": SAME_FILES}
    for name, text in bare.items():
        (folder / name).mkdir()
        (folder / name / "Snakefile").write_text(text.format(jobs=trained))
    works = {"ours": lambda: call(*ours, folder=copy)} | {
        name: lambda name=name: call("snakemake", "-n", "-q", "--cores", "2", folder=folder / name)
        for name in bare
    }
    taken = in_turn(works, repeats)
    return {
        "training_jobs": trained,
        "seconds": {name: statistics.median(times) for name, times in taken.items()},
        "ratio_to": {
            name: statistics.median(a / b for a, b in zip(taken["ours"], taken[name], strict=True))
            for name in bare
        },
        "repeats": taken,
    }


def imports(repeats: int) -> dict[str, object]:
    """Seconds from starting a script's process to having imported it."""
    paths = (ROOT / "workflow_scripts").glob("[a-z]*.py")
    scripts = sorted(path.stem for path in paths if "__main__" in path.read_text())
    programs = {"bare interpreter": "pass"} | {s: f"import workflow_scripts.{s}" for s in scripts}
    works = {
        name: lambda program=program: subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, check=True
        )
        for name, program in programs.items()
    }
    taken = in_turn(works, repeats)
    return {name: statistics.median(times) for name, times in taken.items()}


def cores(folder: Path, study: Study, repeats: int) -> dict[str, object]:
    """Four runs of the study, in both arrangements of two cores."""
    corpus, tokens = folder / "corpus", folder / "tokens"
    tokenizer = str(tokens / "tokenizer.json")
    corpus.mkdir()
    tokens.mkdir()
    script = "workflow_scripts."
    call(
        *(f"{script}corpus", "--spec", corpus_spec(study.config.corpus)),
        *("--folder", str(corpus)),
    )
    call(
        *(f"{script}tokenizer", "--spec", tokenizer_spec(study.config.tokenizer)),
        *("--train", str(corpus / "train.jsonl"), "--out", tokenizer),
    )
    call(
        *(f"{script}tokens", "--corpus", str(corpus), "--tokenizer", tokenizer),
        *("--folder", str(tokens)),
    )
    specs = [study.runs[run] for run in study.unified[:: len(study.unified) // 4][:4]]

    def train(spec: RunSpec) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            call(
                *(f"{script}train", "--spec", canonical(spec), "--code", "benchmark"),
                *("--tokens", str(tokens), "--folder", made),
            )

    busy: dict[str, list[float]] = {}

    def arrangement(name: str, at_a_time: int, threads: int) -> Callable[[], None]:
        def work() -> None:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            rows = [spec.model_copy(update={"threads": threads}) for spec in specs]
            with ThreadPoolExecutor(at_a_time) as pool:
                list(pool.map(train, rows))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            busy.setdefault(name, []).append(used / (time.perf_counter() - start))

        return work

    arrangements = {"two_by_two": (2, 1), "one_by_one": (1, 2)}
    taken = in_turn({n: arrangement(n, *how) for n, how in arrangements.items()}, repeats)
    ratios = [a / b for a, b in zip(taken["one_by_one"], taken["two_by_two"], strict=True)]
    return {
        "runs": [run_id(spec) for spec in specs],
        "seconds": {name: statistics.median(times) for name, times in taken.items()},
        "busy_cores": {name: statistics.median(shares) for name, shares in busy.items()},
        "gain": statistics.median(ratios),
        "repeats": taken,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--jobs", type=int, default=10_000, help="training jobs to plan")
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--import-repeats", type=int, default=5)
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    study = load_study(yaml.safe_load((ROOT / "config.yaml").read_text()))
    ran = environment()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "no_op": no_op(folder, given.repeats),
            "planning": planning(folder, study, given.jobs, given.repeats),
            "import_seconds": imports(given.import_repeats),
            "cores": cores(folder, study, given.repeats),
            "cores_of_machine": os.cpu_count(),
            **{key: ran[key] for key in ("cpu", "python", "packages")},
        }
    publish(result, given.out)


if __name__ == "__main__":
    main()
