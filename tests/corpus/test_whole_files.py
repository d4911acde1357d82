"""Files appear together, or not at all, and the last writer that starts is the one that counts."""

from pathlib import Path

import pytest

from moe_core.corpus.whole_files import whole_files


def write(path: Path, interrupted: bool = False) -> None:
    with whole_files(path) as (file,):
        file.write(b"new")
        if interrupted:
            raise KeyboardInterrupt


def test_files_appear_together(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    with whole_files(*paths) as (a, b):
        a.write(b"1")
        b.write(b"2")
        assert not any(path.exists() for path in paths)
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]
    assert sorted(tmp_path.iterdir()) == paths


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write(path, interrupted=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".a.0123456789abcdef").touch()
    (tmp_path / ".ab.0123456789abcdef").touch()
    with whole_files(tmp_path / "a"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".ab.0123456789abcdef"}


def test_a_writer_left_behind_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    writer = whole_files(path)
    (old,) = writer.__enter__()
    old.write(b"old")
    write(path)
    with pytest.raises(FileNotFoundError):
        writer.__exit__(None, None, None)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
