import bz2
import gzip
import json
import lzma
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("gzip", gzip.compress(b"x", mtime=0)),
        ("xz", lzma.compress(b"x")),
        ("bzip2", bz2.compress(b"x")),
        ("zstd", b"\x28\xb5\x2f\xfd\x00"),
    ],
    ids=["gzip", "xz", "bzip2", "zstd"],
)
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_archives_are_told(
    write: Callable[[str, bytes], Path], name: str, kind: str, content: bytes
) -> None:
    with pytest.raises(StudyError) as error:
        stripped(write(name, content))
    one_line(error, f"{name} is a {kind} archive; unpack it first")


def test_archives_of_many_files_are_told(
    tmp_path: Path, write: Callable[[str, bytes], Path]
) -> None:
    story = write("story.txt", b"One.")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.write(story)
    with tarfile.open(tmp_path / "a.tar", "w") as tarred:
        tarred.add(story)
    table = pa.table({"text": ["One."]})
    pq.write_table(table, tmp_path / "a.parquet")
    for name, words in (("zip", "zip archive"), ("tar", "tar archive"), ("parquet", "corpus.hub")):
        with pytest.raises(StudyError) as error:
            stripped(tmp_path / f"a.{name}")
        one_line(error, words)


def test_globs_follow_no_links_and_end(tmp_path: Path, write: Callable[[str, bytes], Path]) -> None:
    real, deep = write("a.txt", b"x"), tmp_path / "b" / "c" / "d.txt"
    deep.parent.mkdir(parents=True)
    deep.touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "other").symlink_to(tmp_path)
    (tmp_path / "link.txt").symlink_to(real)
    (tmp_path / ".hidden.txt").touch()
    assert matching_files([f"{tmp_path}/**/*.txt"]) == [real, deep]
    assert matching_files([f"{tmp_path}/**"]) == [real, deep]
    assert matching_files([f"{tmp_path}/*/c/?.txt", f"{tmp_path}/b/**/d.*"]) == [deep]
    assert matching_files([f"{tmp_path}/link.txt"]) == [tmp_path / "link.txt"]
    assert matching_files([f"{tmp_path}/b/loop/*.txt"]) == [tmp_path / "b" / "loop" / "a.txt"]
    with pytest.raises(StudyError, match="no file matches"):
        matching_files([f"{tmp_path}/b/*/a.txt"])


def test_what_is_no_regular_file_is_told_without_reading_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.txt")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket.txt"))
        for path in (tmp_path / "fifo.txt", tmp_path / "socket.txt", "/dev/zero"):
            with pytest.raises(StudyError, match="is no regular file"):
                matching_files([str(path)])
        for pattern in (tmp_path / "*.txt", tmp_path / "circle", tmp_path / "circle" / "*"):
            with pytest.raises(StudyError, match="no file matches"):
                matching_files([str(pattern)])


@pytest.mark.parametrize("pattern", ["x" * 5000, "a\0b", "\0*", "x" * 5000 + "/*", "", "*/" * 3000])
def test_names_that_no_file_can_have(pattern: str) -> None:
    with pytest.raises(StudyError) as error:
        matching_files([pattern])
    one_line(error, "corpus.files.paths")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_a_data_set_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "stories"
    folder.mkdir()
    ran = tmp_path / "ran"
    (folder / "stories.py").write_text(f"open({str(ran)!r}, 'w')\n")
    with pytest.raises(StudyError) as error:
        list(hub_stories(str(folder), "main", "train", "text", None))
    one_line(error, "corpus.hub.name")
    assert not ran.exists()
