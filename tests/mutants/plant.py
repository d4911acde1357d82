"""Plant each defect of mutants.yaml in a copy of the repository and see whether the tests notice.

``python tests/mutants/plant.py``; exits 1 if fewer than 95 % are killed, or if a survivor is not
explained. Each defect is one replacement of text that occurs exactly once in its file. Its tests
must pass without it, or their failure would say nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import yaml

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "benchmarks",
    "moe_core",
    "workflow_scripts",
    "tests",
    "report",
    "results/reference",
    "config.yaml",
    "claims.yaml",
    "pyproject.toml",
)
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


def copy_of_repository(folder: Path) -> Path:
    """Copy what the fast tests need to a new folder."""
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


def fail(tests: str, folder: Path) -> bool:
    """Whether a test fails, or hangs."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *tests.split()],
            cwd=folder,
            capture_output=True,
            timeout=SECONDS,
            env=os.environ | {"CI": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1, 2):  # 2: a test module could not be imported
        sys.exit(f"{tests}: pytest ended with {done.returncode}\n{done.stdout.decode()}")
    return done.returncode != 0


def damaged(mutant: Mutant, text: str) -> str:
    """The text with the defect. Exits if it has no one place; SyntaxError if it is bad Python."""
    if (count := text.count(mutant.old)) != 1:
        sys.exit(f"{mutant.file}: {mutant.old!r} occurs {count} times, not once")
    text = text.replace(mutant.old, mutant.new)
    if mutant.file.endswith(".py"):
        compile(text, mutant.defect, "exec")
    return text


def killed(mutant: Mutant, folder: Path) -> bool:
    """Whether a test fails with the defect in place. The copy is left as it was."""
    path = folder / mutant.file
    text = path.read_text()
    path.write_text(damaged(mutant, text))
    try:
        return fail(mutant.tests, folder)
    finally:
        path.write_text(text)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--only", default="", help="defects whose file contains this")
    given = arguments.parse_args()
    rows = yaml.safe_load((ROOT / "tests/mutants/mutants.yaml").read_text())
    mutants = [Mutant(**row) for row in rows if given.only in row["file"]]
    for mutant in mutants:  # before any test runs
        damaged(mutant, (ROOT / mutant.file).read_text())
    copies: Queue[Path] = Queue()

    @contextmanager
    def copy() -> Iterator[Path]:
        folder = copies.get()
        try:
            yield folder
        finally:
            copies.put(folder)

    def check_passes(tests: str) -> None:
        with copy() as folder:
            if fail(tests, folder):
                sys.exit(f"{tests}: fails without any defect")

    def verdict(mutant: Mutant) -> bool:
        with copy() as folder:
            found = killed(mutant, folder)
        print(f"{'killed' if found else 'SURVIVED':9} {mutant.file}: {mutant.defect}", flush=True)
        return found

    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        for job in range(given.jobs):
            copies.put(copy_of_repository(Path(scratch, str(job))))
        with ThreadPoolExecutor(given.jobs) as pool:
            list(pool.map(check_passes, sorted({mutant.tests for mutant in mutants})))
            verdicts = list(pool.map(verdict, mutants))
    unexplained = [
        mutant.defect
        for mutant, found in zip(mutants, verdicts, strict=True)
        if not (found or mutant.survives)
    ]
    print(f"{sum(verdicts)} of {len(mutants)} killed")
    for defect in unexplained:
        print(f"not explained: {defect}")
    sys.exit(bool(unexplained) or sum(verdicts) < ENOUGH * len(mutants))


if __name__ == "__main__":
    main()
