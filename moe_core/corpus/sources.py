"""Where stories come from: each source is a function to an iterator of texts."""

import glob
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from moe_core.errors import StudyError

SEPARATOR = "<|endoftext|>"
LONGEST_STORY = 1 << 24  # characters; past this a text without separators is refused, not buffered


def hub_stories(
    name: str, revision: str, split: str, text_field: str, max_stories: int | None
) -> Iterator[str]:
    """Stories of a Hugging Face data set (a hub name or a local folder), streamed.

    Raises StudyError where the data set cannot be opened or lacks ``text_field``.
    """
    import datasets

    try:
        rows = datasets.load_dataset(name, revision=revision, split=split, streaming=True)
        for number, row in enumerate(rows):
            if number == max_stories:
                return
            if text_field not in row:
                fields = ", ".join(map(str, row))
                raise StudyError(
                    "corpus.hub.text_field", f"no field {text_field!r}", f"fields: {fields}"
                )
            yield row[text_field]
    except StudyError:
        raise
    # the library raises dozens of types for a missing name, revision, split or network
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise StudyError(
            "corpus.hub.name",
            f"cannot read {name!r} at revision {revision!r}: {first_line}",
            "check the name, the network, or set corpus.source to builtin",
        ) from error


def matching_files(patterns: Iterable[str]) -> list[Path]:
    """Files of all paths and globs, sorted, each once. StudyError for a pattern without a file."""
    found: set[Path] = set()
    for pattern in patterns:
        paths = [Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file()]
        if not paths:
            raise StudyError("corpus.files.paths", f"no file matches {pattern!r}")
        found.update(paths)
    return sorted(found)


def file_stories(paths: Iterable[Path], text_field: str) -> Iterator[str]:
    """Stories of text files separated by ``<|endoftext|>``, or of .jsonl files, a row a story.

    Raises StudyError, naming the file, for one that is empty, not UTF-8, lacks separators, or
    holds a line that is not a JSON object with ``text_field``.
    """
    for path in paths:
        if path.stat().st_size == 0:
            raise StudyError("corpus.files.paths", f"{path} is empty")
        try:
            if path.suffix in (".jsonl", ".json"):
                yield from _jsonl_stories(path, text_field)
            else:
                yield from _separated_stories(path)
        except UnicodeDecodeError as error:
            raise StudyError(
                "corpus.files.paths",
                f"{path} is not UTF-8 ({error.reason}, byte 0x{error.object[error.start]:02x})",
                "convert it, e.g. with iconv",
            ) from error


def _separated_stories(path: Path) -> Iterator[str]:
    pending, separators = "", 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            *ended, rest = line.split(SEPARATOR)
            for piece in ended:
                yield pending + piece
                pending = ""
            separators += len(ended)
            pending += rest
            if len(pending) > LONGEST_STORY:
                break
    if separators == 0 or len(pending) > LONGEST_STORY:
        raise StudyError(
            "corpus.files.paths",
            f"no separator {SEPARATOR} found between the stories of {path}",
            "put one on a line of its own after each story, or use .jsonl",
        )
    yield pending


def _jsonl_stories(path: Path, text_field: str) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
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
            if not isinstance(story, str):
                raise StudyError(
                    "corpus.files.text_field",
                    f"{path}, line {number}: field {text_field!r} is not text",
                )
            yield story
