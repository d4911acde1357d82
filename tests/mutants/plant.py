"""Plant each defect of mutants.yaml in a copy of the repository and see whether the tests notice.

``python tests/mutants/plant.py``; exits 1 if fewer than 95 % are killed, or if a survivor is not
explained. Each defect is one replacement of text that occurs exactly once in its file.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import yaml

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("moe_core", "workflow_scripts", "tests", "config.yaml", "claims.yaml", "pyproject.toml")
ENOUGH = 0.95
SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """A defect: what it is, the text it replaces, the tests that should notice.

    survives: why no test can notice it, where none does.
    """

    defect: str
    file: str
    old: str
    new: str
    tests: str
    survives: str = ""


def copy_of_repository() -> Path:
    """A fresh copy of what the fast tests need."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


def killed(mutant: Mutant, folder: Path) -> bool:
    """Whether a test fails, or hangs, with the defect in place. The copy is left as it was."""
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        sys.exit(f"{mutant.file}: {mutant.old!r} occurs {text.count(mutant.old)} times, not once")
    path.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *mutant.tests.split()],
            cwd=folder,
            capture_output=True,
            timeout=SECONDS,
            env=os.environ | {"CI": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        if done.returncode not in (0, 1, 2):  # 2: a test module could not be imported
            sys.exit(
                f"{mutant.defect}: pytest ended with {done.returncode}\n{done.stdout.decode()}"
            )
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(text)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--only", default="", help="defects whose file contains this")
    given = arguments.parse_args()
    rows = yaml.safe_load((ROOT / "tests/mutants/mutants.yaml").read_text())
    mutants = [Mutant(**row) for row in rows if given.only in row["file"]]
    folders: Queue[Path] = Queue()
    for _ in range(given.jobs):
        folders.put(copy_of_repository())

    def verdict(mutant: Mutant) -> str:
        folder = folders.get()
        try:
            found = "killed" if killed(mutant, folder) else "SURVIVED"
        finally:
            folders.put(folder)
        print(f"{found:9} {mutant.file}: {mutant.defect}", flush=True)
        return found

    with ThreadPoolExecutor(given.jobs) as pool:
        verdicts = list(pool.map(verdict, mutants))
    count = Counter(verdicts)
    print(f"{count['killed']} of {len(mutants)} killed")
    unexplained = [
        mutant.defect
        for mutant, found in zip(mutants, verdicts, strict=True)
        if found != "killed" and not mutant.survives
    ]
    for defect in unexplained:
        print(f"not explained: {defect}")
    sys.exit(bool(unexplained) or count["killed"] < ENOUGH * len(mutants))


if __name__ == "__main__":
    main()
