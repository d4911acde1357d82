"""Hold a finished study to its manifest: files, records and code, then one run trained anew.

What is wrong is told a line each, and the exit fails. A file that the manifest does not list, as of
an earlier configuration, is told and no fault.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from moe_core.corpus.splits import SPLITS
from moe_core.errors import StudyError
from moe_core.lineage import read_json, read_manifest
from moe_core.provenance import canonical_json, code_digest, data_digest, file_sha256
from moe_core.routing import registry
from moe_core.runs import AdapterSpec, ImageSpec, Row, RunSpec, base_files, data_folder, read_row
from workflow_scripts.command import parser, path_argument, run

ROOT = Path(__file__).resolve().parents[1]
UNLISTED = ("logs", "benchmarks", "reference")  # folders of results that hold no outputs
TOLERANCE = 0.01  # bits per byte on another machine: the smallest effect of interest


def changed_files(files_sha256: dict[str, str]) -> Iterator[str]:
    """A line for each file that is missing, or is not what it was."""
    for name, digest in files_sha256.items():
        if not Path(name).is_file():
            yield f"missing: {name}"
        elif file_sha256(name) != digest:
            yield f"changed: {name}"


def extra_files(results: Path, listed: set[str]) -> Iterator[str]:
    """A line for each file of the results that the manifest does not list."""
    for path in sorted(path for path in results.rglob("*") if path.is_file()):
        parts = path.relative_to(results).parts
        output = parts != ("manifest.json",) and parts[0] not in UNLISTED and "state" not in parts
        if output and str(path) not in listed:
            yield f"not in the manifest: {path}"


def script_of(row: Row) -> str:
    """The module whose command trains a row."""
    names: dict[type, str] = {RunSpec: "train", AdapterSpec: "adapt", ImageSpec: "train_images"}
    return f"workflow_scripts.{names[type(row)]}"


def present_code(spec: dict) -> str | None:
    """Digest of the code that would train a run now; None if a strategy is gone."""
    row = read_row(spec)
    try:
        modules = {registry.module_name(moe.strategy) for moe in row.all_routing()}
        return code_digest(script_of(row), *modules)
    except (KeyError, ValueError):
        return None


def inputs_sha256(spec: dict, manifest: dict, results: Path) -> dict[str, str | None] | None:
    """Digests of what a run reads, as the manifest has them; of a base from elsewhere as it is."""
    row, files = read_row(spec), manifest["files_sha256"]
    known = manifest["tokens_sha256"].get(row.data_name)
    if isinstance(row, RunSpec | ImageSpec) or known is None:
        return known
    read = {"known": known["train"]}
    for path in base_files(row.base, results):
        read[f"base/{path.name}"] = files.get(str(path)) or file_sha256(path)
    if row.task == "stories":
        return read | manifest["tokens_sha256"].get(row.data, {})
    paths = {split: data_folder(row, results) / f"{split}.jsonl" for split in SPLITS}
    paths["tokenizer"] = results / f"tokens/{row.tokens}/tokenizer.json"
    return read | {name: files.get(str(path)) for name, path in paths.items()}


def wrong_tokens(manifest: dict) -> Iterator[str]:
    """A line for each encoded split that is not the one that its meta.json tells of."""
    for tokens, splits in manifest["tokens_sha256"].items():
        for split, digest in splits.items():
            files = manifest["files_sha256"]
            names = (f"tokens/{tokens}/{split}.bin", f"images/{tokens}/{split}.safetensors")
            kept = [f"results/{name}" for name in names if f"results/{name}" in files]
            if [files[name] for name in kept] != [digest]:
                yield f"tokens: {tokens}, {split}, is not what its meta.json says"


def wrong_run(name: str, manifest: dict, summary: dict, results: Path) -> Iterator[str]:
    """A line for each way in which a run's summary contradicts other records, or the code now."""
    record, spec = manifest["runs"][name], summary["spec"]
    digest = data_digest(spec)
    if record["spec"] != digest or not name.endswith(digest[:10]):
        yield f"run {name}: its summary is of another row of the table"
    if summary["tokens_sha256"] != inputs_sha256(spec, manifest, results):
        kind = "images" if "images" in spec else "tokens"
        read = "what it reads" if "adapter" in spec else f"results/{kind}/{spec[kind]}"
        yield f"run {name}: trained on other {kind} than {read}"
    if record["code"] != summary["code"]:
        yield f"run {name}: manifest and summary name different code"
    if present_code(spec) != summary["code"]:
        python = summary["environment"]["python"]
        yield f"run {name}: trained by other code, or another Python than {python}"


def wrong_sources(manifest: dict, numbers: dict) -> Iterator[str]:
    """A line for each file that the report's numbers were read from before it changed."""
    for source in numbers["sources"].values():
        stored = ROOT / source["path"]  # of a measurement that is kept with the code
        digest = manifest["files_sha256"].get(source["path"])
        if digest is None and stored.is_file():
            digest = file_sha256(stored)
        if digest != source["sha256"]:
            yield f"numbers: read from another {source['path']}"


def sampled(manifest: dict, manifest_sha256: str) -> str:
    """A finished run, drawn by the digest of the manifest."""
    finished = sorted(r for r, row in manifest["runs"].items() if row["status"] == "finished")
    if not finished:
        raise StudyError("verify", "no run has finished", "run `snakemake all`")
    return random.Random(manifest_sha256).choice(finished)


def train_again(folder: Path, results: Path, scratch: Path) -> None:
    """Train the run of a folder once more, into scratch. StudyError if that fails."""
    summary = read_json(folder / "summary.json")
    row = read_row(summary["spec"])
    command = ["-m", script_of(row), "--spec", canonical_json(summary["spec"])]
    command += ["--code", summary["code"], "--checkpoint-seconds", "inf"]
    kind = "images" if isinstance(row, ImageSpec) else "tokens"
    command += [f"--{kind}", str(results / kind / row.data_name), "--folder", str(scratch)]
    if isinstance(row, AdapterSpec):
        command += ["--data", str(data_folder(row, results))]
        command += ["--base", *map(str, base_files(row.base, results))]
    done = subprocess.run([sys.executable, *command])
    if done.returncode:
        raise StudyError("verify", f"training {folder.name} anew failed", "its error is above")


def machine(summary: dict) -> dict[str, object]:
    """What the last bits of a run depend on besides its row, code and tokens."""
    environment, process = summary["environment"], summary["process"]
    packages = {name: environment["packages"][name] for name in ("numpy", "torch")}
    return {key: process[key] for key in ("device_name", "fp32_matmul")} | packages


def differences(old: Path, new: Path) -> Iterator[str]:
    """A line for each file of a run that its second training did not repeat.

    Byte for byte, but for the environment in the summary. On another machine, or on a GPU, where
    bytes may differ: bits per byte at each evaluation and on test stories, within TOLERANCE.
    """
    summaries = [read_json(folder / "summary.json") for folder in (old, new)]
    then, now = map(machine, summaries)
    changes = [f"{key} was {then[key]}, is {now[key]}" for key in then if then[key] != now[key]]
    changes += [
        line for line in summaries[0]["warnings"] if line.startswith("continued on another")
    ]
    if changes or summaries[0]["spec"]["device"] != "cpu":
        print(
            f"bytes may differ ({'; '.join(changes) or 'on a GPU'}): compared to {TOLERANCE} bits"
        )
        readings = [bits_per_byte(folder) for folder in (old, new)]
        pairs = list(zip(*readings, strict=False))
        if len(set(map(len, readings))) > 1 or any(abs(a - b) > TOLERANCE for a, b in pairs):
            yield f"not repeated: bits per byte of {old}"
        return
    for name in ("metrics.jsonl", "stories.csv", "weights.safetensors"):
        if file_sha256(old / name) != file_sha256(new / name):
            yield f"not repeated: {old / name}"
    circumstances = ("environment", "process", "warnings")
    kept = [{k: v for k, v in s.items() if k not in circumstances} for s in summaries]
    if kept[0] != kept[1]:
        yield f"not repeated: {old / 'summary.json'}"


def bits_per_byte(folder: Path) -> list[float]:
    """Of a run's evaluations, then of its test."""
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    test = read_json(folder / "summary.json")["test"]
    return [row["bits_per_byte"] for row in [*rows, *([test] if test else [])]]


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "manifest")
    arguments.add_argument("--run", help="to be trained anew; default: drawn by the manifest")
    arguments.add_argument("--no-rerun", action="store_true", help="train nothing")
    given = arguments.parse_args()
    manifest = read_manifest(given.manifest)
    results, runs = given.manifest.parent, manifest["runs"]
    name = given.run or sampled(manifest, file_sha256(given.manifest))
    if name not in runs:
        raise StudyError("--run", f"{name} is not in the manifest")
    for line in extra_files(results, set(manifest["files_sha256"])):
        print(line)
    faults = list(changed_files(manifest["files_sha256"]))
    damaged = {fault.partition(": ")[2] for fault in faults}
    faults += wrong_tokens(manifest)
    for run_name in runs:
        summary = results / "runs" / run_name / "summary.json"
        if str(summary) not in damaged:
            faults += wrong_run(run_name, manifest, read_json(summary), results)
    numbers = results / "report/numbers.json"
    if str(numbers) not in damaged:
        faults += wrong_sources(manifest, read_json(numbers))
    print(*faults, sep="\n", end="\n" if faults else "")
    if any(name in fault for fault in faults):
        print(f"not trained anew, for what is told of it: {name}")
    elif not given.no_rerun:
        with tempfile.TemporaryDirectory() as scratch:
            folder = results / "runs" / name
            train_again(folder, results, Path(scratch))
            found = list(differences(folder, Path(scratch)))
        print(*found or [f"repeated: {name}"], sep="\n")
        faults += found
    if faults:
        raise StudyError("verify", "the study is not sound", "each fault is a line above")
    print(f"{len(manifest['files_sha256'])} files and {len(runs)} runs are what the manifest says")


if __name__ == "__main__":
    run(main)
