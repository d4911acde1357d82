import copyreg
import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.errors import StudyError
from moe_core.images.cifar_folder import folder_images
from moe_core.images.pickled import PickledArray, plain_data
from tests.images.conftest import cifar_folder, cifar_meta, cifar_rows, python2_pickle

ROWS = cifar_rows(12, classes=4, seed=0)
WRITERS = [python2_pickle, *(lambda v, p=p: pickle.dumps(v, p) for p in (2, 3, 4))]


@pytest.mark.parametrize("write", WRITERS, ids=["python 2", "2", "3", "4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_reads_what_pickle_reads(write: Any, order: Any) -> None:
    written = write(ROWS | {b"data": ROWS[b"data"].copy(order)})
    found, expected = plain_data(written), pickle.loads(written, encoding="bytes")
    assert np.array_equal(found.pop(b"data").array, expected.pop(b"data"))
    assert found == expected
    assert [*found] == [b"filenames", b"batch_label", b"fine_labels", b"coarse_labels"]
    assert plain_data(write(cifar_meta(7))) == cifar_meta(7)


class Calls:
    """Pickles as a call."""

    def __init__(self, called: Any, *arguments: Any) -> None:
        self.call = called, arguments

    def __reduce__(self) -> Any:
        return self.call

    def __call__(self) -> None:
        """What is called may be what another call gives."""


def call(name: str, *arguments: Any) -> bytes:
    """name(*arguments), by hand, without importing it."""
    module, _, attribute = name.rpartition(".")
    inner = pickle.dumps(arguments, 2)[2:-1]
    return b"\x80\x02c%s\n%s\n%sR." % (module.encode(), attribute.encode(), inner)


def hostile(ran: Path) -> dict[str, bytes]:
    touch = f"touch {ran}"
    opened = f"open({str(ran)!r}, 'w')"
    nested = Calls(getattr, Calls(__import__, "os"), "system")
    numpy_array = Calls(np._core.multiarray._reconstruct, os.system, (0,), b"b")
    objects = np.array([[Calls(os.system, touch)]], dtype=object)
    within = {**ROWS, b"filenames": [Calls(os.system, touch)]}
    pushed = {
        "persistent id": b"\x80\x02U\x04evilQ.",
        "persistent name": b"Pevil\n.",
        "instance": b"(S'touch'\nios\nsystem\n.",
        "object": b"\x80\x02(cos\nsystem\nX\x01\x00\x00\x00xo.",
        "new object": b"\x80\x02cbuiltins\nobject\n)\x81.",
        "extension": b"\x80\x02\x82\x07.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        "name of a name": b"\x80\x04\x8c\x05numpy\x8c\x13ndarray.__reduce__\x93.",
        "state of a name": b"\x80\x02cnumpy\nndarray\n}U\x01xK\x01sb.",
        "state of a dict": b"\x80\x02}}U\x09__class__K\x01sb.",
        "called twice": b"\x80\x02cnumpy\nndarray\n)R)R.",
        "codec": call("_codecs.encode", "x", "zlib_codec"),
        "array of objects": call("numpy.dtype", "O8", False, True),
        "far memo": b"\x80\x02Nr\xff\xff\xff\xff.",
        "endless bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",
        "endless long": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "key of many tuples": b"\x80\x02})" + b"2\x86" * 60 + b"K\x01s.",
        "key of all tuples": b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s.",
        "deep list": b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b".",
        "deep tuple": b"\x80\x02)" + b"\x85" * 20_000 + b".",
        "bare": b"\x80\x02a.",
        "no end": b"\x80\x02}",
        "nothing": b"",
        "text": b"hello",
        "gzip": b"\x1f\x8b\x08\x00",
        "a list": python2_pickle([1, 2]),
    }
    calls = [
        Calls(os.system, touch),
        Calls(eval, opened),
        Calls(exec, opened),
        Calls(nested, touch),
        Calls(map, nested, [touch]),
        within,
        numpy_array,
        objects,
        {**ROWS, b"data": objects},
    ]
    written = {f"call {i}, {p}": pickle.dumps(v, p) for i, v in enumerate(calls) for p in (0, 2, 4)}
    named = {
        name: call(name, opened)
        for name in (
            "numpy.testing._private.utils.runstring",
            "numpy.core.multiarray.fromstring",
            "numpy.f2py.crackfortran.myeval",
            "__builtin__.eval",
            "copyreg._reconstructor",
            "copy_reg._reconstructor",
            "copyreg.__newobj__",
            "functools.partial",
            "numpy.ndarray.__init__",
            "pickle.loads",
        )
    }
    return pushed | written | named


KINDS = [*hostile(Path("ran"))]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_end_in_one_line_and_run_nothing(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = folder / "ran"
    monkeypatch.setitem(copyreg._inverted_registry, 7, ("os", "system"))
    content = hostile(ran)[kind]
    started = time.monotonic()
    for name in ("train", "test", "meta"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        with pytest.raises(StudyError) as error:
            folder_images(str(folder))
        (folder / name).write_bytes(kept)
        message = str(error.value)
        assert message.startswith(f"images.folder.path: {folder / name} ")
        assert message.isprintable()
        assert len(message) < 600
        assert not ran.exists()
    assert time.monotonic() - started < 20


def test_those_calls_would_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    found = hostile(ran)
    for kind in ("call 0, 2", "call 1, 4", "call 3, 0", "call 5, 2", "call 8, 4"):
        pickle.loads(found[kind])
        assert ran.exists()
        ran.unlink()
    with pytest.raises(ValueError, match=rf"it asks for {os.system.__module__}\.system, which is"):
        plain_data(found["call 0, 2"])


SMALL = python2_pickle(cifar_rows(2, classes=2, seed=0) | {b"data": np.zeros((2, 3), np.uint8)})


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(SMALL)),
)
def test_damage_is_a_value_error(changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(SMALL)
    for place, value in changes:
        content[place] = value
    for damaged in (bytes(content), bytes(content[:length])):
        try:
            found = plain_data(damaged)
        except ValueError:
            continue
        for value in found.values() if isinstance(found, dict) else []:
            assert isinstance(value, list | bytes | PickledArray | int | str | None | tuple | dict)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("train", {b"data": None}, "has no array b'data'"),
        ("train", {b"data": np.zeros((30, 3071), np.uint8)}, "shape (30, 3071), not N x 3072"),
        ("train", {b"data": np.zeros((30, 3072), np.int8)}, "objects other than plain data"),
        ("train", {b"data": np.zeros((0, 3072), np.uint8)}, "objects other than plain data"),
        ("train", {b"data": np.zeros((2, 3, 1024), np.uint8)}, "objects other than plain data"),
        ("test", {b"fine_labels": [0] * 29}, "b'fine_labels' is no list of 30 labels"),
        ("test", {b"fine_labels": [0] * 29 + [10]}, "labels other than 0 to 9"),
        ("test", {b"coarse_labels": [0] * 29 + [-1]}, "labels other than 0 to 1"),
        ("test", {b"coarse_labels": [0] * 29 + [True]}, "labels other than 0 to 1"),
        ("meta", {b"fine_label_names": [b"a", b"a"]}, "one twice"),
        ("meta", {b"fine_label_names": []}, "no names"),
        ("meta", {b"coarse_label_names": [b"a\x1b[2J", b"b"]}, "cannot be shown"),
        ("meta", {b"coarse_label_names": [1, 2]}, "no list of names"),
    ],
)
def test_wrong_content(folder: Path, name: str, change: dict[bytes, Any], words: str) -> None:
    whole = cifar_meta(10) if name == "meta" else cifar_rows(30, classes=10, seed=0)
    (folder / name).write_bytes(python2_pickle(whole | change))
    with pytest.raises(StudyError) as error:
        folder_images(str(folder))
    assert str(error.value).startswith(f"images.folder.path: {folder / name} ")
    assert words in str(error.value)
    assert "unpack" in error.value.remedy


def test_a_class_in_two_superclasses(folder: Path) -> None:
    rows = cifar_rows(30, classes=10, seed=0)
    rows[b"coarse_labels"][3] = 1
    (folder / "test").write_bytes(python2_pickle(rows))
    with pytest.raises(StudyError, match="class 'class_3' are of two superclasses"):
        folder_images(str(folder))


def test_folder(tmp_path: Path) -> None:
    folder = cifar_folder(tmp_path, train=40, test=20, classes=20)
    found = folder_images(str(folder))
    rows = cifar_rows(40, classes=20, seed=0)
    assert found.train.image_NCHW.shape == (40, 3, 32, 32)
    for i, red in ((0, 5), (39, 1023)):  # red first, then green, then blue, each row by row
        pixels = found.train.image_NCHW[i, :, red // 32, red % 32].tolist()
        assert pixels == rows[b"data"][i][[red, 1024 + red, 2048 + red]].tolist()
    assert found.train.label_N.tolist() == rows[b"fine_labels"]
    assert found.test is not None
    assert len(found.test) == 20
    assert found.classes[19] == "class_19"
    assert found.superclasses == [f"group_{i}" for i in range(4)]
    assert found.superclass_of == [i // 5 for i in range(20)]
    assert found.origin == {"source": "folder", "published": False}
