"""Multiple-choice questions, as in commonsense_170k of LLM-Adapters (arXiv 2304.01933)."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from moe_core.corpus.sources import hub_rows, is_text, legible
from moe_core.corpus.splits import SPLITS, split_of
from moe_core.corpus.whole_files import whole_files
from moe_core.errors import StudyError

KEY = "experiments.perft.commonsense"
FORMAT = re.compile(r"\bAnswer format: (\S+)$")


@dataclass(frozen=True)
class Question:
    """instruction: all that is asked, options and all. answer: index of the right one of options.

    id: name of the file and row, from 1, that it was read from.
    """

    id: str
    instruction: str
    options: tuple[str, ...]
    answer: int


def file_questions(paths: Sequence[Path]) -> Iterator[Question]:
    """Questions of .json files, an array of rows each, and of .jsonl files, a row a line.

    A row has texts ``instruction``, whose last words are ``Answer format: a/b/c``, and ``answer``,
    one of these options; other fields are not read. Raises StudyError, naming file and row.
    """
    stems = {path.stem for path in paths}
    for path in paths:
        # folders tell files apart that are all called test.json
        name = path.stem if len(stems) == len(paths) else f"{path.parent.name}/{path.stem}"
        with legible(path, KEY, f"set {KEY}.hub.name"):
            for place, number, row in _jsonl_rows(path) if path.suffix == ".jsonl" else _rows(path):
                yield question(row, f"{name}/{number}", f"{path}, {place} {number}")


def hub_questions(name: str, revision: str, split: str) -> Iterator[Question]:
    """Questions of a Hugging Face data set (a hub name or a local folder), rows as in files."""
    remedy = "check the name and the network"
    rows = hub_rows(name, revision, split, f"{KEY}.hub", remedy)
    for number, row in enumerate(rows, start=1):
        yield question(row, f"{split}/{number}", f"{name}, split {split}, row {number}")


def question(row: Any, name: str, where: str) -> Question:
    """A question from its row. Raises StudyError, saying where, if the row is none."""
    fields = row if isinstance(row, dict) else {}
    instruction, answer = fields.get("instruction"), fields.get("answer")
    if not (is_text(instruction) and is_text(answer)):
        raise StudyError(
            KEY,
            f"{where}: not a JSON object with texts 'instruction' and 'answer'",
            "write rows as those of commonsense_170k",
        )
    instruction = instruction.strip()
    given = FORMAT.search(instruction)
    options = tuple(given[1].split("/")) if given else ()
    if len(options) < 2 or len({*options, ""}) <= len(options):
        raise StudyError(
            KEY,
            f"{where}: the instruction does not end in two or more different options",
            "end it in a line such as 'Answer format: answer1/answer2'",
        )
    if answer not in options:
        raise StudyError(
            KEY,
            f"{where}: answer {answer!r} is not among the options {'/'.join(options)}",
            "correct the row or remove it",
        )
    return Question(name, instruction, options, options.index(answer))


def _rows(path: Path) -> Iterator[tuple[str, int, Any]]:
    """The rows of an array with their numbers, and what these count."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise StudyError(
            KEY, f"{path}, line {error.lineno}: not JSON", "call a file of a row a line .jsonl"
        ) from error
    if not isinstance(rows, list):
        raise StudyError(KEY, f"{path} is no array of rows", "write [row, row, …]")
    for number, row in enumerate(rows, start=1):
        yield "row", number, row


def _jsonl_rows(path: Path) -> Iterator[tuple[str, int, Any]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield "line", number, json.loads(line)
                except json.JSONDecodeError as error:
                    raise StudyError(
                        KEY, f"{path}, line {number}: not JSON", "call a file of an array .json"
                    ) from error


@dataclass(frozen=True)
class Written:
    """How many questions are in each split, and how many were left out.

    repeated: their split had them already. held_out: meant for train, but test has them.
    """

    questions: dict[str, int]
    repeated: int
    held_out: int


def write_questions(
    train: Iterable[Question],
    test: Iterable[Question],
    folder: Path,
    valid_fraction: float,
    test_fraction: float,
) -> Written:
    """Write ``{split}.jsonl`` (id, instruction, options, answer), all together or not at all.

    The hash of its instruction puts a question of ``train`` into train or valid, or, where ``test``
    has none, into any of the three. No instruction stands in two splits, or twice in one. Raises
    StudyError if a split stays empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(SPLITS, 0)
    repeated, in_test, seen = 0, set[bytes](), set[bytes]()
    with whole_files(*(folder / f"{split}.jsonl" for split in SPLITS)) as opened:
        files = dict(zip(SPLITS, opened, strict=True))

        def write(asked: Question, split: str, known: set[bytes]) -> int:
            """1 if it was known already."""
            digest = sha256(asked.instruction.encode()).digest()
            if digest in known:
                return 1
            known.add(digest)
            counts[split] += 1
            files[split].write((json.dumps(asdict(asked)) + "\n").encode())
            return 0

        for asked in test:
            repeated += write(asked, "test", in_test)
        held_out = 0
        if in_test:
            test_fraction = 0.0
        for asked in train:
            if sha256(asked.instruction.encode()).digest() in in_test:
                held_out += 1
                continue
            split = split_of(asked.instruction, valid_fraction, test_fraction)
            repeated += write(asked, split, seen)
        for split in SPLITS:
            if counts[split] == 0:
                raise StudyError(
                    KEY,
                    f"the {split} split has no question ({sum(counts.values())} in all)",
                    "give more questions, or raise corpus.valid_fraction and corpus.test_fraction",
                )
    return Written(counts, repeated, held_out)


def read_questions(path: Path) -> list[Question]:
    """Questions of a ``{split}.jsonl``. Raises StudyError at a row that was damaged."""
    found = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                found.append(Question(**row | {"options": tuple(row["options"])}))
            except (ValueError, KeyError, TypeError) as error:
                raise StudyError(
                    f"{path}, line {number}", "is damaged", f"remove {path.parent} and run again"
                ) from error
    return found
