"""From a number, a file or a run back to all that it came from, by the manifest alone.

Free of torch and of the workflow: a stored ``manifest.json`` and ``numbers.json`` are enough.
"""

import csv
import difflib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from moe_core.errors import StudyError

Json = dict[str, Any]
TRAINING, WEIGHTS = ("train", "adapt", "train_images"), "/weights.safetensors"
SHORT = 12  # digits of a digest that are shown
LISTED = 3  # files of one rule that are listed one by one
# of a table: ids, with spaces between
ROW_COLUMNS = ("run", "runs", "runs_dense", "run_a", "run_b")


def read_json(path: Path) -> Json:
    """A JSON file that the study writes. StudyError if it is missing or malformed."""
    try:
        read: Json = json.loads(path.read_text())
    except FileNotFoundError:
        raise StudyError(str(path), "no such file", "run `snakemake all` first") from None
    except ValueError as error:
        raise StudyError(str(path), f"is not JSON: {error}") from None
    return read


def read_manifest(path: Path) -> Json:
    """A manifest. StudyError if it is missing, malformed or of a time before it listed jobs."""
    manifest = read_json(path)
    if "jobs" not in manifest:
        raise StudyError(
            str(path), "lists no jobs, as of an earlier version", "run `snakemake all`"
        )
    return manifest


def jobs_behind(jobs: list[Json], files: Iterable[str], runs: set[str] | None) -> list[Json]:
    """The jobs that files came from, nearest first; of trained runs those named, or all.

    A base is named by the run of its adapters.
    """
    maker = {file: job for job in jobs for file in job["outputs"]}
    found: dict[int, Json] = {}
    pending = list(files)
    for file in pending:  # grows while it is walked
        job = maker.get(file)
        if job is None or id(job) in found:
            continue
        if job["rule"] in TRAINING and runs is not None:
            if run_of(job) not in runs:
                continue
            runs = runs | {Path(f).parent.name for f in job["inputs"] if f.endswith(WEIGHTS)}
        found[id(job)] = job
        pending += job["inputs"]
    return list(found.values())


def run_of(job: Json) -> str:
    """Id of the run that a training job made."""
    return Path(job["outputs"][0]).parent.name


def trace(what: str, results: Path) -> Iterator[str]:
    """Lines that lead from a number's key, FILE, FILE:LINE of a table or a run id to its origin.

    results: folder of ``manifest.json``. Raises StudyError, with the nearest spelling, for a name
    that is none of these.
    """
    manifest = read_manifest(results / "manifest.json")
    file, _, line = what.rpartition(":")
    runs = None
    if what in manifest["files_sha256"]:
        files = [what]
    elif what in manifest["runs"]:
        files = [f for f in manifest["files_sha256"] if Path(f).parent.name == what]
    elif file in manifest["files_sha256"] and line.isdecimal():
        files, runs = [file], runs_of_row(Path(file), int(line), manifest)
    else:
        numbers = read_json(results / "report/numbers.json")
        if what not in numbers["numbers"]:
            known = [*manifest["files_sha256"], *numbers["numbers"], *manifest["runs"]]
            raise unknown(what, known)
        number = numbers["numbers"][what]
        yield in_full(what, number)
        yield from (
            f"read by numbers (code {job['code'][:SHORT]})"
            for job in manifest["jobs"]
            if job["rule"] == "numbers"
        )
        files = [numbers["sources"][s]["path"] for s in [number["source"]] if s != "config"]
        runs = None if number["runs"] is None else set(number["runs"].split())
    for file in files:
        yield f"{file}  sha256 {manifest['files_sha256'][file]}"
    yield from origin(jobs_behind(manifest["jobs"], files, runs), manifest)


def in_full(key: str, number: Json) -> str:
    """A number with its interval; of a setting, that it is one."""
    interval = f" [{number['low']}, {number['high']}], n = {number['n']}" if number["n"] else ""
    source = ", of `configuration` in the manifest" if number["source"] == "config" else ""
    return f"{key} = {number['value']}{interval}{source}"


def origin(jobs: list[Json], manifest: Json) -> Iterator[str]:
    """Lines on jobs, the runs among them and the environments of these."""
    maker = {file: job["rule"] for job in manifest["jobs"] for file in job["outputs"]}
    by_rule: dict[str, list[Json]] = {}
    for job in jobs:
        by_rule.setdefault(job["rule"], []).append(job)
    if not jobs:
        return
    yield "made by, nearest first:"
    for rule, group in by_rule.items():
        times = f" x {len(group)}" if len(group) > 1 else ""
        codes = sorted({job["code"][:SHORT] for job in group})
        code = f"{len(codes)} codes" if len(codes) > LISTED else f"code {', '.join(codes)}"
        timed = ", timed" if any(job["timed"] for job in group) else ""
        inputs = sorted({file for job in group for file in job["inputs"]})
        source = f" from {', '.join(in_words(inputs, maker))}" if inputs else ""
        yield f"  {rule}{times} ({code}{timed}){source}"
    runs = {run_of(job): manifest["runs"][run_of(job)] for job in jobs if job["rule"] in TRAINING}
    if not runs:
        return
    yield f"runs: {len(runs)}"
    for name, run in sorted(runs.items()):
        spec, code, tokens = (run[key][:SHORT] for key in ("spec", "code", "tokens_sha256"))
        yield (
            f"  {name}  seed {run['seed']}  spec {spec}  code {code}  "
            f"tokens {run['tokens']} {tokens}  environment {run['environment']}  {run['status']}"
        )
    yield "environments:"
    for place in sorted({run["environment"] for run in runs.values()}):
        found = manifest["environments"][place]
        dirty = " with changes" if found["dirty"] else ""
        yield (
            f"  {place}  commit {found['commit']}{dirty}  python {found['python']}  "
            f"torch {found['packages']['torch']}  {found['process']['device_name']}"
        )


def in_words(files: list[str], maker: dict[str, str]) -> Iterator[str]:
    """Files by name, or how many where one rule made many."""
    by_rule: dict[str, list[str]] = {}
    for file in files:
        by_rule.setdefault(maker.get(file, ""), []).append(file)
    for rule, group in by_rule.items():
        if rule and len(group) > LISTED:
            yield f"{len(group)} files of {rule}"
        else:
            yield from group


def runs_of_row(table: Path, line: int, manifest: Json) -> set[str] | None:
    """Ids of the runs of a row of a table (its header is line 1); None if it names none.

    Raises StudyError where it is no CSV on disk or has no such row.
    """
    if table.suffix != ".csv" or not table.is_file():
        raise StudyError(f"{table}:{line}", "only a CSV on disk has rows", f"give {table}")
    with table.open(newline="") as file:
        rows = [{}, *csv.DictReader(file)]
    if not 2 <= line <= len(rows):
        raise StudyError(f"{table}:{line}", "no such row", f"rows are lines 2 to {len(rows)}")
    row = rows[line - 1]
    named = {run for name in ROW_COLUMNS for run in (row.get(name) or "").split()}
    if named or "cell" not in row:
        return named or None
    return {run for run, record in manifest["runs"].items() if record["cell"] == row["cell"]}


def unknown(what: str, known: list[str]) -> StudyError:
    """The error of a name that nothing has."""
    close = difflib.get_close_matches(what, known, n=1, cutoff=0.5)
    remedy = f"did you mean {close[0]!r}?" if close else "give a number's key, a file or a run"
    return StudyError("trace", f"nothing is called {what!r}", remedy)
