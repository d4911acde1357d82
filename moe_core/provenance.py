"""What a result came from: digests of code and data, the environment, and writes that are whole.

`code_digest` names the code a module can reach by what the code means to Python: its syntax tree
without docstrings, comments or layout. Two runs with equal digests ran equal code.
"""

import ast
import hashlib
import json
import os
import platform
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("moe_core", "workflow_scripts")
DISTRIBUTIONS = (
    "matplotlib",
    "numpy",
    "pandas",
    "scipy",
    "snakemake",
    "tokenizers",
    "torch",
    "transformers",
)


def code_digest(*modules: str, root: Path = ROOT) -> str:
    """SHA-256 (hex) of the modules named and all they import, statically, from PACKAGES in root.

    Imports count wherever they stand: in functions, under conditions, under TYPE_CHECKING; and
    so do the parent packages of each module. Nothing is imported or run. Not seen: what
    importlib loads by a computed name, what a star import takes from `__all__`, and data files.
    The tree is as the running Python parses it, so another version may give another digest.

    Raises ValueError when a module named or imported is not in root, SyntaxError when one does
    not parse.
    """
    files = _files(root)
    digests: dict[str, str] = {}
    pending = set(modules)
    while pending:
        name = pending.pop()
        if name not in files:
            raise ValueError(f"no module {name!r} under {root}")
        path = files[name]
        try:
            digests[name], imports = _parse(path.read_bytes() if path else b"")
        except SyntaxError as error:
            error.add_note(f"in {path}")
            raise
        package = name if path is None or path.name == "__init__.py" else _parent(name)
        found = {name, *_imported(imports, package, files)}
        pending |= {p for n in found for p in _lineage(n)} - digests.keys()
    return data_digest(digests)


def file_sha256(path: str | Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> str:
    """The one ASCII JSON text of a value: sorted keys, no spaces.

    Raises ValueError on NaN and infinities, which JSON lacks, and TypeError on what is not JSON.
    Tuples become lists, and keys that are numbers become strings.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def data_digest(value: object) -> str:
    """SHA-256 (hex) of `canonical_json(value)`; raises as it does."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write a file so that its readers find the old content or the new, never a part.

    Text is written as UTF-8 with its line ends as they are. The folder must exist. On failure
    the old file stays as it was and nothing else is left behind; OSError names
    the path.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = str(path)
        with suppress(OSError):
            temporary.unlink()
        raise


def environment(root: Path = ROOT) -> dict[str, object]:
    """What ran here, ready for JSON.

    python, platform, cpu: str; packages: version of each of DISTRIBUTIONS, None where absent;
    commit: str, and dirty: bool, whether tracked or unignored files differ from it. The last two
    are None where root is in no git repository or has no commit yet.
    """
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "packages": {name: _version(name) for name in DISTRIBUTIONS},
        "commit": commit,
        "dirty": None if commit is None else _git(root, "status", "--porcelain") != "",
    }


def _files(root: Path) -> dict[str, Path | None]:
    """Source file of each module; None for a folder that is a package without `__init__.py`."""
    files: dict[str, Path | None] = {}
    for top in PACKAGES:
        for folder, _, names in os.walk(root / top):
            prefix = os.path.relpath(folder, root).replace(os.sep, ".")
            for name in names:
                if name.endswith(".py"):
                    module = prefix if name == "__init__.py" else f"{prefix}.{name[:-3]}"
                    files[module] = Path(folder, name)
                    for package in _lineage(_parent(module)):
                        files.setdefault(package, None)
    return files


# One import: dots that lead the module's name, that name, and the names taken from it.
Import = tuple[int, str, tuple[str, ...]]


@cache
def _parse(source: bytes) -> tuple[str, tuple[Import, ...]]:
    """Digest of a module's syntax tree, and its imports."""
    tree = ast.parse(source)
    imports: list[Import] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                imports += ((0, alias.name, ()) for alias in node.names)
            case ast.ImportFrom():
                imports.append((node.level, node.module or "", tuple(a.name for a in node.names)))
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if ast.get_docstring(node, clean=False) is not None:
                    del node.body[0]
    text = ast.dump(tree, annotate_fields=False)
    return hashlib.sha256(text.encode()).hexdigest(), tuple(imports)


def _imported(
    imports: tuple[Import, ...], package: str, files: dict[str, Path | None]
) -> Iterator[str]:
    """Full names of the modules that imports within `package` load from PACKAGES."""
    for level, name, taken in imports:
        if level:
            above = package.split(".")[: package.count(".") + 2 - level]
            name = ".".join([*above, name] if name else above)
        if name.partition(".")[0] in PACKAGES:
            yield name
            yield from (f"{name}.{t}" for t in taken if f"{name}.{t}" in files)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _lineage(name: str) -> Iterator[str]:
    while name:
        yield name
        name = _parent(name)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def cpu_name() -> str:
    """Model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
