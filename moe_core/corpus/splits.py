"""Split stories into train, valid and test so that no story stands in two of them."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.whole_files import whole_files
from moe_core.errors import StudyError

SPLITS = ("train", "valid", "test")


def split_of(text: str, valid_fraction: float, test_fraction: float) -> str:
    """The split of a story, from its text alone: order, source and other stories do not matter."""
    digest = hashlib.sha256(b"split/" + text.encode()).digest()
    place = int.from_bytes(digest[:8], "little") / 2**64
    if place < valid_fraction:
        return "valid"
    return "test" if place < valid_fraction + test_fraction else "train"


def write_splits(
    stories: Iterable[str], folder: Path, valid_fraction: float, test_fraction: float
) -> dict[str, int]:
    """Write ``{split}.jsonl`` (id, text) and return the stories of each split.

    Surrounding white space is removed, then empty stories and exact duplicates. All files appear
    together or not at all. Raises StudyError if a split stays empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[bytes] = set()
    counts = dict.fromkeys(SPLITS, 0)
    with whole_files(*(folder / f"{split}.jsonl" for split in SPLITS)) as opened:
        files = dict(zip(SPLITS, opened, strict=True))
        # a separator within a row of a data set ends a story there, too
        for raw in (piece for story in stories for piece in story.split(SEPARATOR)):
            text = raw.strip()
            digest = hashlib.sha256(text.encode()).digest()[:12]
            if not text or digest in seen:
                continue
            seen.add(digest)
            split = split_of(text, valid_fraction, test_fraction)
            counts[split] += 1
            row = json.dumps({"id": digest.hex(), "text": text}) + "\n"
            files[split].write(row.encode())
        for split in SPLITS:
            if counts[split] == 0:
                raise StudyError(
                    "corpus",
                    f"the {split} split has no story ({len(seen)} distinct stories in all)",
                    "give more stories, or raise corpus.valid_fraction and corpus.test_fraction",
                )
    return counts


def read_stories(path: Path) -> Iterable[str]:
    """Texts of a ``{split}.jsonl``, streamed. Raises StudyError at a row that was damaged."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError) as error:
                raise StudyError(
                    f"{path}, line {number}", "is damaged", f"remove {path.parent} and run again"
                ) from error
            yield text
