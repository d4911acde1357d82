"""Where stories come from: each source is a function to an iterator of texts."""

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, TypeGuard

from moe_core.errors import StudyError

SEPARATOR = "<|endoftext|>"
FILES_KEY = "corpus.files.paths"
LONGEST_STORY = 1 << 24  # characters; past this a text without separators is refused, not buffered
SURROGATE = re.compile("[\ud800-\udfff]")
PIECE = 1 << 20  # characters read at once
MAGIC = {
    rb"\x1f\x8b": "gzip",
    rb"PK\x03\x04": "zip",
    rb"\xfd7zXZ\x00": "xz",
    rb"\x28\xb5\x2f\xfd": "zstd",
    rb"BZh[1-9]1AY&SY": "bzip2",
    rb"PAR1\x15": "Parquet",
}
TAR_MAGIC = slice(257, 262)


def hub_stories(
    name: str, revision: str, split: str, text_field: str, max_stories: int | None
) -> Iterator[str]:
    """Stories of a Hugging Face data set (a hub name or a local folder), streamed.

    Raises StudyError where the data set cannot be opened or lacks text in ``text_field``.
    """
    remedy = "check the name, the network, or set corpus.source to builtin"
    rows = hub_rows(name, revision, split, "corpus.hub", remedy)
    for number, row in enumerate(islice(rows, max_stories)):
        if text_field not in row:
            fields = ", ".join(map(str, row))
            raise StudyError(
                "corpus.hub.text_field", f"no field {text_field!r}", f"fields: {fields}"
            )
        if not is_text(row[text_field]):
            raise StudyError(
                "corpus.hub.text_field", f"row {number}: field {text_field!r} is not text"
            )
        yield row[text_field]


def hub_rows(
    name: str, revision: str, split: str, key: str, remedy: str
) -> Iterator[dict[str, Any]]:
    """Rows of a Hugging Face data set (a hub name or a local folder), streamed.

    Raises StudyError, under the configuration key, where the data set cannot be read.
    """
    import datasets

    with told_hub(name, revision, key, remedy):
        yield from datasets.load_dataset(name, revision=revision, split=split, streaming=True)


@contextmanager
def told_hub(name: str, revision: str, key: str, remedy: str) -> Iterator[None]:
    """Raises StudyError, under the configuration key, for what `datasets` raises in the block."""
    try:
        yield
    # the library raises dozens of types for a missing name, revision, split or network
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise StudyError(
            f"{key}.name", f"cannot read {name!r} at revision {revision!r}: {first_line}", remedy
        ) from error


def matching_files(
    patterns: Iterable[str], key: str = FILES_KEY, ending: str = ".txt"
) -> list[Path]:
    """Regular files of all paths and globs, sorted, each once.

    A path that is written out may be a symbolic link; globs follow none, so that they end and stay
    where they look. Raises StudyError for a pattern without a file, under the configuration key.
    """
    found: set[Path] = set()
    for pattern in patterns:
        # a path that exists is meant as it stands, whatever characters it holds
        if os.path.isfile(pattern):
            found.add(Path(pattern))
            continue
        if os.path.isdir(pattern):
            raise StudyError(
                key,
                f"{pattern!r} is a folder",
                f"write {pattern.rstrip('/')}/*{ending}",
            )
        if os.path.exists(pattern):
            raise StudyError(key, f"{pattern!r} is no regular file")
        try:
            paths = set(_matches(Path(pattern)))
        except OSError as error:
            raise StudyError(key, f"cannot look for {pattern!r}: {error}") from error
        if not paths:
            raise StudyError(key, f"no file matches {pattern!r}")
        found |= paths
    return sorted(found)


def _matches(pattern: Path) -> Iterator[Path]:
    plain = list(takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    folder = Path(*plain)
    if os.path.isdir(folder) and len(plain) < len(pattern.parts):
        yield from _below(folder, pattern.parts[len(plain) :])


def _below(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Files under a folder by a pattern for each level; ``**`` is any number of levels."""
    name, rest = names[0], names[1:]
    if name == "**":
        yield from _below(folder, rest or ("*",))
    for entry in os.scandir(folder):
        if entry.is_symlink() or (entry.name.startswith(".") and not name.startswith(".")):
            continue
        if entry.is_dir():
            if name == "**":
                yield from _below(folder / entry.name, names)
            elif rest and fnmatchcase(entry.name, name):
                yield from _below(folder / entry.name, rest)
        elif entry.is_file() and not rest and fnmatchcase(entry.name, name):
            yield folder / entry.name


def file_stories(paths: Iterable[Path], text_field: str) -> Iterator[str]:
    """Stories of text files separated by ``<|endoftext|>``, or of .jsonl files, a row a story.

    Raises StudyError, naming the file, for one that cannot be read, is empty, not UTF-8, lacks
    separators, or holds a line that is not a JSON object with text in ``text_field``.
    """
    for path in paths:
        with legible(path):
            if path.suffix in (".jsonl", ".json"):
                yield from _jsonl_stories(path, text_field)
            else:
                yield from _separated_stories(path)


@contextmanager
def legible(
    path: Path, key: str = FILES_KEY, hub: str = "set corpus.source: hub and corpus.hub.name"
) -> Iterator[None]:
    """Read a file of text in the block.

    Raises StudyError, under the configuration key, for one that cannot be read, is empty, packed or
    not UTF-8. hub: what reads Parquet files when told their folder.
    """
    try:
        if path.stat().st_size == 0:
            raise StudyError(key, f"{path} is empty")
        _refuse_archive(path, key, hub)
        yield
    except OSError as error:
        raise StudyError(key, f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(
            key,
            f"{path} is not UTF-8 ({error.reason}, byte 0x{error.object[error.start]:02x})",
            "convert it, e.g. with iconv",
        ) from error


def _refuse_archive(path: Path, key: str, hub: str) -> None:
    with path.open("rb") as file:
        head = file.read(TAR_MAGIC.stop)
    kind = "tar" if head[TAR_MAGIC] == b"ustar" else None
    kind = next((name for magic, name in MAGIC.items() if re.match(magic, head)), kind)
    if kind == "Parquet":
        raise StudyError(key, f"{path} is a Parquet file", f"{hub} to its folder")
    if kind:
        raise StudyError(key, f"{path} is a {kind} archive", "unpack it first")


def _separated_stories(path: Path) -> Iterator[str]:
    pending, separated = "", False
    with path.open(encoding="utf-8-sig") as file:
        # pieces, not lines: nothing says that a text of many stories has more than one line
        while len(pending) <= LONGEST_STORY and (piece := file.read(PIECE)):
            *ended, pending = (pending + piece).split(SEPARATOR)
            separated = separated or bool(ended)
            yield from ended
    if not separated or len(pending) > LONGEST_STORY:
        raise StudyError(
            "corpus.files.paths",
            f"no separator {SEPARATOR} found between the stories of {path}",
            "put one on a line of its own after each story, or use .jsonl",
        )
    yield pending


def _jsonl_stories(path: Path, text_field: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                story = json.loads(line)[text_field]
            except (ValueError, KeyError, TypeError) as error:
                raise StudyError(
                    "corpus.files.text_field",
                    f"{path}, line {number}: not a JSON object with a field {text_field!r}",
                ) from error
            if not is_text(story):
                raise StudyError(
                    "corpus.files.text_field",
                    f"{path}, line {number}: field {text_field!r} is not text",
                )
            yield story


def is_text(value: object) -> TypeGuard[str]:
    """A string that UTF-8 can hold: JSON can escape half a surrogate pair, which it cannot."""
    return isinstance(value, str) and not SURROGATE.search(value)
