"""A file that is no plain YAML is told with its line."""

from pathlib import Path

import pytest

from moe_core.configuration_file import check_file
from moe_core.errors import StudyError
from tests.configurations import ROOT


def test_the_repositorys_own_is_plain():
    check_file(ROOT / "config.yaml")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: 1\n\tb: 2\n", ", line 2: found character '\\t'"),
        (b"a: [1\nb: 2\n", ", line 2: expected ',' or ']'"),
        (b"a: 1\na: 2\n", ", line 2: 'a' stands here for the second time"),
        (b"a: {b: 1, b: 2}\n", ", line 1: 'b' stands here"),
        (b"a: *b\n", ", line 1: found undefined alias"),
        (b"a: &b {c: *b}\n", ", line 1: "),
        (b"&b\na: [*b]\n", ", line 1: "),
        (b"a: !!python/object/apply:os.getcwd []\n", ", line 1: could not determine a constructor"),
        (b"a: 1\n---\na: 2\n", ", line 2: but found another document"),
        (b"? [a, b]\n: c\n", ", line 1: found unhashable key"),
        (b"a: caf\xe9\n", ": no text in YAML: 'utf-8' codec"),
        (bytes(range(256)), ": no text in YAML: "),
        (b"a: \x00\n", ": no text in YAML: unacceptable character"),
        (b"a: " + b"[" * 5000, ": no text in YAML: maximum recursion depth"),
        (b"a: 2024-99-99\n", ": no text in YAML: month must be"),
        (b"", ": no keys with values"),
        (b"- a\n", ": no keys with values"),
    ],
)
def test_what_is_no_plain_yaml(tmp_path: Path, content: bytes, told: str):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(StudyError) as error:
        check_file(path)
    assert str(error.value).startswith(f"{path}{told}")
    assert "\n" not in str(error.value)


def test_a_configuration_runs_nothing(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("__use_yte__: true\na: ?print(1)\n")
    with pytest.raises(StudyError, match="^__use_yte__: "):
        check_file(path)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(StudyError, match="config.yaml: No such file"):
        check_file(tmp_path / "config.yaml")


def test_merged_keys_may_be_set_anew(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n")
    check_file(path)
