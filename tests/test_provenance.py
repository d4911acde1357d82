import ast
import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_core import provenance
from moe_core.provenance import code_digest, write_atomic

TREE = {
    "moe_core/__init__.py": "",
    "moe_core/router.py": '"""Routes."""\nfrom .gates.softmax import gate\n\ndef route(x):\n    '
    '"""Pick."""\n    return gate(x)  # best\n',
    "moe_core/gates/__init__.py": "SCALE = 1\n",
    "moe_core/gates/softmax.py": "import numpy as np\nfrom ..numeric import exp\n\n"
    "def gate(x):\n    from .. import lazy\n    return exp(x) + lazy.shift\n",
    "moe_core/numeric.py": "from numpy import exp\n",
    "moe_core/lazy.py": "from typing import TYPE_CHECKING\nshift = 0\n"
    "if TYPE_CHECKING:\n    import moe_core.types.shape as shape\n",
    "moe_core/types/shape.py": "Shape = tuple[int, ...]\n",
    "moe_core/unrelated.py": "x = 1\n",
    "workflow_scripts/train.py": "from moe_core import router\nfrom moe_core.numeric import exp\n",
}
REACHED = sorted(TREE.keys() - {"moe_core/unrelated.py", "workflow_scripts/train.py"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "here")


def plant(root: Path) -> Path:
    for name, source in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def edit(path: Path, old: str, new: str) -> None:
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Routes."""', '"""Routes tokens to experts.\n\nAt length.\n"""'),
        ('"""Routes."""\n', ""),
        ('    """Pick."""\n', ""),
        ("  # best", "  # the best\n\n"),
        ("def route(x):", "def route(\n    x,\n):"),
    ],
)
def test_docstrings_comments_and_layout_do_not_count(root: Path, old: str, new: str) -> None:
    before = code_digest("moe_core.router", root=root)
    edit(root / "moe_core/router.py", old, new)
    assert code_digest("moe_core.router", root=root) == before


@pytest.mark.parametrize("name", REACHED)
def test_code_of_each_module_reached_counts(root: Path, name: str) -> None:
    before = code_digest("workflow_scripts.train", root=root)
    path = root / name
    path.write_text(path.read_text() + "changed = True\n")
    changed = code_digest("workflow_scripts.train", root=root)
    assert changed != before
    path.write_text(path.read_text().replace("changed = True\n", ""))
    assert code_digest("workflow_scripts.train", root=root) == before


def test_a_string_that_is_no_docstring_counts(root: Path) -> None:
    path = root / "moe_core/numeric.py"
    path.write_text('name = "gate"\n')
    before = code_digest("moe_core.numeric", root=root)
    path.write_text('name = "door"\n')
    assert code_digest("moe_core.numeric", root=root) != before


def test_code_not_reached_does_not_count(root: Path) -> None:
    before = code_digest("workflow_scripts.train", root=root)
    edit(root / "moe_core/unrelated.py", "x = 1", "x = 2")
    (root / "moe_core/new.py").write_text("this does not parse")
    assert code_digest("workflow_scripts.train", root=root) == before


def test_a_new_submodule_that_an_old_import_finds_counts(root: Path) -> None:
    edit(root / "moe_core/numeric.py", "from numpy import exp", "from moe_core.types import exp")
    before = code_digest("moe_core.numeric", root=root)
    (root / "moe_core/types/exp.py").write_text("")
    assert code_digest("moe_core.numeric", root=root) != before


def test_the_name_of_a_module_counts(root: Path) -> None:
    shutil.copy(root / "moe_core/unrelated.py", root / "moe_core/twin.py")
    names = ("moe_core.unrelated", "moe_core.twin")
    assert len({code_digest(name, root=root) for name in names}) == 2


def test_place_time_order_and_hash_seed_do_not_count(root: Path, tmp_path: Path) -> None:
    names = ["workflow_scripts.train", "moe_core.unrelated"]
    expected = code_digest(*names, root=root)
    assert code_digest(*reversed(names), *names, root=root) == expected

    there = shutil.copytree(root, tmp_path / "there" / "deeper")
    os.utime(there / "moe_core/router.py", (0, 0))
    call = (
        "from pathlib import Path; from moe_core.provenance import code_digest;"
        f"print(code_digest(*{names}, root=Path({str(there)!r})))"
    )
    for seed in ("0", "1"):
        variables = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(provenance.ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", call], env=variables, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("import moe_core.absent", "moe_core.absent"),
        ("from .absent import x", "moe_core.absent"),
        ("from moe_core.gates.absent import x", "moe_core.gates.absent"),
    ],
)
def test_an_unknown_module_is_named(root: Path, source: str, missing: str) -> None:
    (root / "moe_core/numeric.py").write_text(source)
    for module in (missing, "workflow_scripts.train"):
        with pytest.raises(ValueError, match=f"'{missing}'"):
            code_digest(module, root=root)


def test_a_module_that_does_not_parse_is_named(root: Path) -> None:
    (root / "moe_core/numeric.py").write_text("def")
    with pytest.raises(SyntaxError) as raised:
        code_digest("workflow_scripts.train", root=root)
    assert raised.value.__notes__ == [f"in {root / 'moe_core/numeric.py'}"]


def test_each_content_is_parsed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = Mock(wraps=ast.parse)
    monkeypatch.setattr(ast, "parse", parse)
    provenance._parse.cache_clear()
    for module in ("workflow_scripts.train", "moe_core.router", "moe_core.unrelated"):
        code_digest(module, root=root)
    parsed = sorted(call.args[0] for call in parse.call_args_list)
    assert parsed == sorted({source.encode() for source in TREE.values()})


def test_this_repository_resolves() -> None:
    assert code_digest("moe_core.provenance") == code_digest("moe_core", "moe_core.provenance")


def test_file_sha256_equals_the_digest_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "data").write_bytes(content)
    assert provenance.file_sha256(tmp_path / "data") == hashlib.sha256(content).hexdigest()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_canonical_json_reads_back_whatever_the_order_of_keys(value: object) -> None:
    def reverse(value: object) -> object:
        if isinstance(value, dict):
            return {k: reverse(v) for k, v in reversed(value.items())}
        return [reverse(v) for v in value] if isinstance(value, list) else value

    text = provenance.canonical_json(value)
    assert json.loads(text) == value
    assert provenance.canonical_json(reverse(value)) == text
    expected = hashlib.sha256(text.encode("ascii")).hexdigest()
    assert provenance.data_digest(value) == expected


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_canonical_json_refuses_what_json_lacks(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        provenance.data_digest(value)


@pytest.mark.parametrize("content", ["é\r\nx\n", b"\x00\xff\r\n"])
def test_write_atomic_writes_the_bytes_given(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "result.json"
    path.write_text("old, and longer than what comes")
    write_atomic(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert os.listdir(tmp_path) == ["result.json"]
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail(*_: object) -> None:
        assert path.read_text() == "old"
        assert len(os.listdir(tmp_path)) == 2
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=r"disk full: .*/result\.json"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_environment_is_json_and_names_what_runs() -> None:
    found = provenance.environment()
    assert json.loads(provenance.canonical_json(found)) == found
    assert found["python"] == sys.version.split()[0]
    numpy = subprocess.run(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    packages = found["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"] == numpy.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_environment_follows_the_commit(root: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def state() -> tuple[object, object]:
        found = provenance.environment(root)
        return found["commit"], found["dirty"]

    assert state() == (None, None)
    git("init")
    assert state() == (None, None)
    git("add", ".")
    git("commit", "-m", "first", "--no-gpg-sign")
    assert state() == (git("rev-parse", "HEAD"), False)
    edit(root / "moe_core/unrelated.py", "x = 1", "x = 2")
    assert state() == (git("rev-parse", "HEAD"), True)
