"""Malformed configurations against the real workflow: each is told in one line, or is none.

    python benchmarks/chaos/configurations.py --out benchmarks/results/chaos_configurations.json

Mistakes of tests/malformed.py in values, keys and types, through `snakemake -n` of a copy in forked
processes that share the imports; some of them once more, and files that are no configuration at
all, through the command with jobs allowed. Passed: a failed exit, one line `config error: ...` that
names the place, no traceback, no job, nothing written under results; or a plan, where a mistake
happens to be none.
"""

import argparse
import collections
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import yaml

from benchmarks.outcome import publish
from moe_core.provenance import environment
from tests.malformed import Malformed, malformed, names_the_place
from tests.workflow.conftest import ROOT, Workspace, copy_of_repository

DEFAULT = (ROOT / "config.yaml").read_text()
# no Python value: broken as text, or read otherwise than it looks
FILES: dict[str, str | bytes | None] = {
    "missing file": None,
    "empty file": "",
    "blank file": "\n\n# nothing\n",
    "a list": "- scale\n- device\n",
    "a word": "quick\n",
    "a number": "7\n",
    "null": "null\n",
    "binary": bytes(range(256)),
    "not UTF-8": b"scale: caf\xe9\n",
    "UTF-16": "scale: quick\n".encode("utf-16"),
    "an open bracket": DEFAULT.replace("[100]", "[100", 1),
    "an open quote": DEFAULT.replace("scale: quick", 'scale: "quick', 1),
    "a tab": DEFAULT.replace("  source: builtin", "\tsource: builtin", 1),
    "bad indentation": DEFAULT.replace("  source: builtin", "   source: builtin", 1),
    "an unknown anchor": DEFAULT.replace("*quick_model", "*nobody", 1),
    "an alias of itself": DEFAULT.replace("learning_rates: {}", "learning_rates: &a {x: *a}", 1),
    "a tag that runs code": DEFAULT.replace(
        "scale: quick", "scale: !!python/object/apply:os.system ['touch pwned']", 1
    ),
    "a key twice": DEFAULT.replace("scale: quick", "scale: quick\nscale: nobody", 1),
    "a key that is a list": DEFAULT + "\n? [a, b]\n: c\n",
    "two documents": DEFAULT + "\n---\nscale: cpu\n",
    "billion laughs": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmn")),
    "a merge of a list": DEFAULT.replace("<<: *quick_model", "<<: [1, 2]", 1),
    "1e-3 as text": DEFAULT.replace("learning_rate: 6.0e-3", "learning_rate: 6e-3", 1),
    "a date": DEFAULT.replace("scale: quick", "scale: 2024-01-01", 1),
}


def forked(folder: Path, target: str) -> tuple[int, str]:
    """Exit status and output of `snakemake -n`, in a fork that has it imported."""
    log = folder / "fork.log"
    child = os.fork()
    if child == 0:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(folder)
        # the modules of the copy are those imported here
        from snakemake.cli import main

        status = 1
        try:
            main(["-n", target])
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
            status = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), log.read_text(errors="replace")


def told_where(line: str, mistake: Malformed) -> bool:
    """By its key, or by the line of what is no plain YAML."""
    return names_the_place(line, mistake) or bool(re.match(r"config\.yaml, line \d+: ", line))


def faults(folder: Path, status: int, output: str, mistake: Malformed | None) -> list[str]:
    """What is wrong with how a mistake was told."""
    lines = [x for x in output.splitlines() if re.match(r"config error: |\S+Exception|\S+Error", x)]
    told = [x.removeprefix("config error: ") for x in lines if x.startswith("config error: ")]
    found = {
        "exit 0": status == 0,
        f"{len(lines)} lines of error": len(lines) != 1,
        "no config error": len(told) != 1,
        "place not named": bool(mistake and told and not told_where(told[0], mistake)),
        "traceback": "Traceback" in output,
        "a job": bool(re.search(r"^(local)?rule ", output, re.M)),
        "something written": any((folder / name).exists() for name in ("results", "pwned")),
    }
    return [name for name, wrong in found.items() if wrong]


def write(folder: Path, content: str | bytes | None) -> None:
    path = folder / "config.yaml"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def as_yaml(mistake: Malformed) -> str:
    return yaml.dump(mistake.config, sort_keys=False, allow_unicode=True)


def outcome(folder: Path, status: int, output: str, mistake: Malformed | None) -> list[str]:
    """Faults, or none where a configuration is told or planned."""
    planned = status == 0 and "Traceback" not in output and not (folder / "results").exists()
    return [] if planned and mistake else faults(folder, status, output, mistake)


def mistakes(seeds: range) -> Iterator[Malformed]:
    """A malformed configuration a seed."""
    return map(malformed, seeds)


def attack(workspace: Workspace, forks: int, commands: int) -> dict[str, object]:
    """Counts by outcome, and what failed."""
    counts: collections.Counter[str] = collections.Counter()
    failed: list[dict[str, object]] = []

    def judge(what: str, status: int, output: str, mistake: Malformed | None) -> None:
        wrong = outcome(workspace.folder, status, output, mistake)
        valid = status == 0 and not wrong
        counts["failed" if wrong else "valid" if valid else "told"] += 1
        if wrong:
            failed.append({"what": what, "faults": wrong, "output": output[-2000:]})
        print("FAILED" if wrong else "valid " if valid else "told  ", what, wrong or "", flush=True)

    for mistake in mistakes(range(forks)):
        write(workspace.folder, as_yaml(mistake))
        result = forked(workspace.folder, "data")
        judge(f"{mistake.kind} {mistake.place}", *result, mistake)
    by_fork = dict(counts)
    counts.clear()
    for mistake in mistakes(range(forks, forks + commands)):
        write(workspace.folder, as_yaml(mistake))
        # jobs may start but where there is no mistake: one that is told comes before them
        dry = forked(workspace.folder, "data")[0] == 0
        done = workspace.snakemake("-n" if dry else "--cores=1", "data")
        judge(f"command: {mistake.kind} {mistake.place}", done.returncode, done.stdout, mistake)
    for what, content in FILES.items():
        write(workspace.folder, content)
        done = workspace.snakemake("--cores=1", "data")
        judge(f"file: {what}", done.returncode, done.stdout, None)
    return {"forks": by_fork, "commands": dict(counts), "failures": failed}


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--forks", type=int, default=200, help="mistakes in forked processes")
    arguments.add_argument("--commands", type=int, default=40, help="mistakes by the command")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    given = arguments.parse_args()
    import snakemake.cli  # noqa: F401  once for all forks

    with tempfile.TemporaryDirectory() as name:
        workspace = copy_of_repository(Path(name) / "repository")
        result = attack(workspace, given.forks, given.commands)
    ran = environment()
    result |= {key: ran[key] for key in ("cpu", "python", "packages")}
    publish(result, given.out)
    sys.exit(bool(result["failures"]))


if __name__ == "__main__":
    main()
