import json
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.corpus import sources
from moe_core.corpus.sources import file_stories, hub_stories, matching_files
from moe_core.errors import StudyError

SEP = sources.SEPARATOR


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def to_file(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to_file


def stripped(path: Path) -> list[str]:
    return [s.strip() for s in file_stories([path], "text")]


def one_line(error: pytest.ExceptionInfo[StudyError], *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    "content",
    [
        f"One day.\nEnd.\n{SEP}\nTwo é.\n{SEP}\n",
        f"One day.\nEnd.{SEP}Two é.{SEP}",
        f"\n{SEP}\nOne day.\nEnd.\n{SEP}Two é.",
        f"One day.\r\nEnd.\r\n{SEP}\r\nTwo é.\r\n",
        f"\ufeffOne day.\nEnd.\n{SEP}\nTwo é.\n",
    ],
    ids=["own line", "inline", "leading and none at the end", "CRLF", "byte order mark"],
)
def test_separated_text(write: Callable[[str, bytes], Path], content: str) -> None:
    stories = stripped(write("a.txt", content.encode()))
    assert [s for s in stories if s] == ["One day.\nEnd.", "Two é."]


@settings(deadline=None)
@given(st.lists(st.text("ab<|é\n", max_size=20), min_size=2, max_size=8), st.integers(1, 9))
def test_separated_text_does_not_depend_on_the_size_of_a_piece(
    tmp_path_factory: pytest.TempPathFactory, stories: list[str], piece: int
) -> None:
    text = SEP.join(stories)
    path = tmp_path_factory.mktemp("pieces") / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "PIECE", piece)
        assert list(file_stories([path], "text")) == text.split(SEP)


def test_text_on_one_line_is_read_in_pieces(
    write: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PIECE", 64)
    path = write("a.txt", f"story{SEP}".encode() * 1000 + b"\xff")
    assert next(iter(file_stories([path], "text"))) == "story"  # the bad byte is far away


def test_text_without_an_end_is_refused_and_not_buffered(
    write: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PIECE", 64)
    monkeypatch.setattr(sources, "LONGEST_STORY", 1000)
    path = write("a.txt", f"story{SEP}".encode() + b"x" * 40_000 + b"\xff")
    with pytest.raises(StudyError) as error:  # not the bad byte behind it
        stripped(path)
    one_line(error, "corpus.files.paths", str(path), SEP)


def test_several_files_and_jsonl(write: Callable[[str, bytes], Path]) -> None:
    text = write("a.txt", f"A{SEP}B".encode())
    rows = write("b.jsonl", b'{"text": "C\\nD", "n": 1}\r\n\n{"text": "E \\u00e9"}\n')
    assert list(file_stories([text, rows], "text")) == ["A", "B", "C\nD", "E é"]


def test_globs_are_sorted_and_deduplicated(
    tmp_path: Path, write: Callable[[str, bytes], Path]
) -> None:
    b, a, c = (write(f"{n}.txt", b"x") for n in "bac")
    write("d.md", b"x")
    (tmp_path / "folder.txt").mkdir()
    patterns = [str(tmp_path / p) for p in ("c.txt", "*.txt", "b.*")]
    assert matching_files(patterns) == [a, b, c]


def test_a_path_that_exists_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "story [1].txt"
    path.write_text("One.")
    assert matching_files([str(path)]) == [path]


def test_missing_path(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent*.txt")
    with pytest.raises(StudyError) as error:
        matching_files([absent])
    one_line(error, "corpus.files.paths", absent)
    with pytest.raises(StudyError) as error:
        list(file_stories([tmp_path / "gone.txt"], "text"))
    one_line(error, "corpus.files.paths", str(tmp_path / "gone.txt"))


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.txt", b"", ["corpus.files.paths", "empty"]),
        ("a.txt", f"One{SEP}caf".encode() + b"\xe9 x", ["corpus.files.paths", "UTF-8", "0xe9"]),
        ("a.jsonl", b'{"text": "\xe9"}\n', ["corpus.files.paths", "UTF-8", "0xe9"]),
        ("a.txt", b"One day.\n\nTwo.\n", ["corpus.files.paths", SEP]),
        ("a.jsonl", b'{"text": "A"}\n{"text": \n', ["corpus.files.text_field", "line 2"]),
        ("a.jsonl", b'{"text": "A"}\n\n["B"]\n', ["corpus.files.text_field", "line 3", "text"]),
        ("a.jsonl", b'{"story": "A"}\n', ["corpus.files.text_field", "line 1", "'text'"]),
        ("a.jsonl", b'{"text": 5}\n', ["corpus.files.text_field", "line 1", "not text"]),
        ("a.jsonl", b'{"text": null}\n', ["corpus.files.text_field", "line 1", "not text"]),
        ("a.jsonl", b'{"text": "\\ud800"}\n', ["corpus.files.text_field", "line 1", "not text"]),
    ],
)
def test_bad_file(
    write: Callable[[str, bytes], Path], name: str, content: bytes, parts: list[str]
) -> None:
    path = write(name, content)
    with pytest.raises(StudyError) as error:
        list(file_stories([path], "text"))
    one_line(error, str(path), *parts)


STORIES = ["Once there was a fox.\nIt ran.", "A café.", "The end."]


@pytest.fixture(params=["parquet", "jsonl"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A local folder in the TinyStories format: one split, one column of text."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "stories"
    folder.mkdir()
    if request.param == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"text": STORIES}), folder / "train-00000-of-00001.parquet")
    else:
        rows = "".join(json.dumps({"text": s}) + "\n" for s in STORIES)
        (folder / "train.jsonl").write_text(rows)
    return str(folder)


@pytest.mark.parametrize(("most", "count"), [(None, 3), (2, 2), (3, 3), (9, 3)])
def test_hub(hub: str, most: int | None, count: int) -> None:
    assert list(hub_stories(hub, "main", "train", "text", most)) == STORIES[:count]


def test_hub_streams(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    real = datasets.load_dataset

    def load(*args: object, **options: object) -> object:
        asked.append(options)
        return real(*args, **options)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert next(iter(hub_stories(hub, "abc123", "train", "text", None))) == STORIES[0]
    assert asked == [{"revision": "abc123", "split": "train", "streaming": True}]


def test_hub_wrong_field(hub: str) -> None:
    with pytest.raises(StudyError) as error:
        list(hub_stories(hub, "main", "train", "story", None))
    one_line(error, "corpus.hub.text_field", "'story'", "fields: text")


@pytest.mark.parametrize(("name", "split"), [(None, "validation"), ("/no/such/folder", "train")])
def test_hub_that_cannot_be_opened(
    hub: str, name: str | None, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(StudyError) as error:
        list(hub_stories(name or hub, "main", split, "text", None))
    one_line(error, "corpus.hub.name", repr(name or hub))


def test_hub_field_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": 5}\n')
    with pytest.raises(StudyError) as error:
        list(hub_stories(str(tmp_path), "main", "train", "text", None))
    one_line(error, "corpus.hub.text_field", "row 0", "'text'", "not text")
