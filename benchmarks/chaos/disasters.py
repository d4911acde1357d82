"""Disasters on a real small study: what is told, what is left, and that it works afterwards.

    python benchmarks/chaos/disasters.py --out benchmarks/results/chaos_disasters.json

Full and read-only disks are small file systems in memory, mounted on the results of a copy (as
root; skipped otherwise). Each disaster must end in a failed exit with one line of error that names
what and where, leave no part of a declared output, and be over once its cause is removed.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.outcome import publish
from moe_core.corpus.sources import SEPARATOR
from moe_core.provenance import environment
from moe_core.study import load_study
from tests.workflow.conftest import Workspace, copy_of_repository, small_config

ROOM = 64 << 20  # bytes, of a disk that is large enough


@dataclass
class Disaster:
    """What a call said while the cause was there, and what it said afterwards."""

    name: str
    told: str
    after: list[str] = field(default_factory=list)

    def check(self, workspace: Workspace, target: str, outputs: list[str], said: str) -> None:
        """Run into the disaster, the cause of which is there."""
        done = workspace.snakemake("--cores", "1", target)
        self.judge(workspace, done.returncode, done.stdout, outputs, said)

    def judge(
        self, workspace: Workspace, status: int, output: str, outputs: list[str], said: str
    ) -> None:
        lines = [x for x in output.splitlines() if re.match(r"error: |OSError: ", x)]
        self.told = lines[0] if len(lines) == 1 else f"{len(lines)} lines: {output[-2000:]}"
        wrong = {
            "exit 0": status == 0,
            "not told in one line": len(lines) != 1 or not re.search(said, self.told),
            "traceback": "Traceback" in output,
            "outputs left": any((workspace.folder / name).exists() for name in outputs),
        }
        self.after += [name for name, is_so in wrong.items() if is_so]

    def over(self, workspace: Workspace, target: str, outputs: list[str]) -> None:
        """The cause is removed: the same call works and leaves no temporary file."""
        done = workspace.snakemake("--cores", "1", target)
        if done.returncode or not all((workspace.folder / name).exists() for name in outputs):
            self.after.append(f"does not recover: {done.stdout[-2000:]}")
        left = [*(workspace.folder / "results").glob("*/**/.*.????????????????")]
        if left:
            self.after.append(f"left behind: {', '.join(map(str, left))}")


@contextmanager
def disk(workspace: Workspace, size: int) -> Iterator[Callable[[str], None]]:
    """A file system of ``size`` bytes under results; gives a function to change its options."""
    results = workspace.folder / "results"
    results.mkdir(exist_ok=True)

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, str(results)], check=True)

    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    try:
        yield lambda options: mount("-o", f"remount,{options}")
    finally:
        subprocess.run(["umount", str(results)], check=True)


def used(workspace: Workspace) -> int:
    return shutil.disk_usage(workspace.folder / "results").used


SPLITS = [f"results/data/builtin/{split}.jsonl" for split in ("train", "valid", "test")]


def full_disk(workspace: Workspace) -> Iterator[Disaster]:
    """The disk fills up at stories, at tokens, at a trained run; then it cannot be written."""
    config = small_config()
    workspace.configure(config)
    study = load_study(config)
    tokens = f"results/tokens/{study.tokens}"
    run = f"results/runs/{study.unified[0]}"
    steps = [
        ("corpus", SPLITS[0], SPLITS, r"results/data/builtin: No space left on device; free some"),
        (
            "tokens",
            f"{tokens}/meta.json",
            [f"{tokens}/{name}" for name in ("train.bin", "valid.bin", "test.bin", "meta.json")],
            rf"{tokens}.*: No space left on device; free some",
        ),
        (
            "train",
            f"{run}/summary.json",
            [f"{run}/{name}" for name in ("weights.safetensors", "summary.json", "stories.csv")],
            rf"{run}.*: No space left on device; free some",
        ),
    ]
    with disk(workspace, ROOM) as change:
        for name, target, outputs, said in steps:
            change(f"size={used(workspace) + (48 << 10)}")
            disaster = Disaster(f"full disk at {name}", "")
            disaster.check(workspace, target, outputs, said)
            change(f"size={ROOM}")
            disaster.over(workspace, target, outputs)
            yield disaster
        shutil.rmtree(workspace.folder / "results/data")
        change("ro")
        disaster = Disaster("read-only results", "")
        disaster.check(workspace, SPLITS[0], SPLITS, "error: results: cannot be written")
        change("rw")
        disaster.over(workspace, SPLITS[0], SPLITS)
        yield disaster


def without_tex(workspace: Workspace) -> Iterator[Disaster]:
    """The script of the report where no latexmk is found."""
    disaster = Disaster("no TeX", "")
    command = [sys.executable, "-m", "workflow_scripts.report", "--source", "report/report.tex"]
    command += ["--generated", "config.yaml", "--pdf", "results/r.pdf", "--log", "results/r.log"]
    done = subprocess.run(
        command,
        cwd=workspace.folder,
        env=os.environ | {"PATH": "/nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = "latexmk is not installed; run `make tex`"
    disaster.judge(workspace, done.returncode, done.stdout, ["results/r.pdf"], said)
    yield disaster


def killed_tokenizer(workspace: Workspace) -> Iterator[Disaster]:
    """SIGKILL for the job that makes a vocabulary, one second into it."""
    config = small_config()
    config["tokenizer"]["kind"] = "bpe"
    config["corpus"]["builtin"]["stories"] = 4000
    workspace.configure(config)
    output = f"results/tokens/{load_study(config).tokens}/tokenizer.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", output],
        cwd=workspace.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    job = job_of(process, workspace.folder, "workflow_scripts.tokenizer")
    time.sleep(1)
    os.kill(job, signal.SIGKILL)
    said, _ = process.communicate()
    disaster = Disaster("tokenizer killed", next(x for x in said.splitlines() if "Killed" in x))
    disaster.after += ["exit 0"] * (process.returncode == 0)
    disaster.after += ["outputs left"] * (workspace.folder / output).exists()
    disaster.over(workspace, output, [output])
    yield disaster


def job_of(process: subprocess.Popen[str], folder: Path, module: str) -> int:
    """Id of the Python process of a job that works in a folder."""
    while process.poll() is None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                here = (entry / "cwd").readlink() == folder
            except OSError:
                continue
            if here and words[1:3] == [b"-m", module.encode()]:
                return int(entry.name)
        time.sleep(0.02)
    raise RuntimeError(f"{module} never ran")


def damaged_stories(workspace: Workspace) -> Iterator[Disaster]:
    """Own text that ends within a character or a row; then files of the pipeline that are cut."""
    text = SEPARATOR.join(f"Story {i} of a café. It is {i * 7} long." for i in range(200))
    rows = "".join(json.dumps({"text": f"Story {i} of {i * 7}."}) + "\n" for i in range(200))
    cut = text.encode()[: text.encode().rindex("é".encode()) + 1]
    config = small_config()
    config["corpus"]["source"] = "files"
    outputs = [name.replace("builtin", "files") for name in SPLITS]
    for name, whole, part, said in (
        ("own.txt", text.encode(), cut, r"own\.txt is not UTF-8 \(unexpected end of data"),
        ("own.jsonl", rows.encode(), rows.encode()[:-9], r"own\.jsonl, line 200: not a JSON"),
    ):
        path = workspace.folder / name
        config["corpus"]["files"]["paths"] = [name]
        workspace.configure(config)
        path.write_bytes(part)
        disaster = Disaster(f"{name} is cut", "")
        disaster.check(workspace, outputs[0], outputs, said)
        path.write_bytes(whole)
        disaster.over(workspace, outputs[0], outputs)
        yield disaster
    tokens = f"results/tokens/{load_study(config).tokens}"
    ngram = tokens.replace("tokens", "ngram", 1) + ".json"
    workspace.snakemake("--cores", "1", f"{tokens}/meta.json")
    for damaged, target, said in (
        (outputs[0], f"{tokens}/tokenizer.json", r"train\.jsonl, line \d+: is damaged; remove"),
        (f"{tokens}/train.bin", ngram, r"train\.bin: has .* bytes where meta\.json says"),
    ):
        path = workspace.folder / damaged
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 3)
        disaster = Disaster(f"{damaged} is cut", "")
        disaster.check(workspace, target, [], said)
        shutil.rmtree(path.parent)
        disaster.over(workspace, target, [target])
        yield disaster


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--only", help="the disasters of one function")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    found, skipped = [], {}
    for disasters in (full_disk, without_tex, killed_tokenizer, damaged_stories):
        if given.only not in (None, disasters.__name__):
            continue
        if disasters is full_disk and os.geteuid() != 0:
            skipped[disasters.__name__] = "mounting a disk takes root"
            continue
        with tempfile.TemporaryDirectory() as name:
            workspace = copy_of_repository(Path(name).resolve() / "repository")
            for disaster in disasters(workspace):
                print("FAILED" if disaster.after else "told  ", disaster, flush=True)
                found.append(disaster)
    ran = environment()
    result = {
        "disasters": [
            {"name": d.name, "told": d.told, "faults": d.after, "recovered": not d.after}
            for d in found
        ],
        "skipped": skipped,
        **{key: ran[key] for key in ("cpu", "python", "packages")},
    }
    publish(result, given.out)
    sys.exit(any(d.after for d in found))


if __name__ == "__main__":
    main()
