"""The plain data in a pickle, read and never run.

A pickle is a program for a stack machine that can call whatever it names. The machine here knows
only the instructions that put together numbers, text, bytes, lists, tuples and dicts, and by name
only how numpy pickles a table of bytes and how Python 3 writes bytes for Python 2. Nothing that
is named is looked up or called. Any other name or instruction ends the reading.
"""

import pickletools
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

MARK = object()
NAMES = {
    "numpy.core.multiarray _reconstruct": "array",  # numpy 1
    "numpy._core.multiarray _reconstruct": "array",  # numpy 2
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "bytes",
}
BYTE_TYPES = ("u1", b"u1", "|u1", b"|u1")


@dataclass(frozen=True)
class Name:
    """What a pickle asks for by name."""

    meaning: str


@dataclass(frozen=True)
class ByteType:
    """The dtype uint8."""


@dataclass
class PickledArray:
    """A table that is filled by a later instruction than the one that makes it."""

    array: np.ndarray | None = None


def plain_data(content: bytes) -> Any:
    """The object in a pickle of protocol 2 to 4; text that Python 2 wrote as bytes.

    A table of bytes is a PickledArray. Raises ValueError for a pickle of anything else, or one
    that is damaged.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(content):
            _step(opcode.name, argument, stack, memo)
        return stack.pop()
    except (IndexError, KeyError):
        raise ValueError("it takes what it never put") from None


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """One instruction; the most frequent first."""
    match name:
        case "BINPUT" | "LONG_BINPUT":
            memo[argument] = stack[-1]
        case "MEMOIZE":
            memo[len(memo)] = stack[-1]
        case "BINGET" | "LONG_BINGET":
            stack.append(memo[argument])
        case "BINSTRING" | "SHORT_BINSTRING":
            stack.append(argument.encode("latin-1"))
        case "BININT" | "BININT1" | "BININT2" | "BINUNICODE" | "SHORT_BINUNICODE":
            stack.append(argument)
        case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8":
            stack.append(argument)
        case "MARK":
            stack.append(MARK)
        case "EMPTY_LIST":
            stack.append([])
        case "EMPTY_DICT":
            stack.append({})
        case "EMPTY_TUPLE":
            stack.append(())
        case "NONE" | "NEWTRUE" | "NEWFALSE":
            stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
        case "TUPLE":
            stack.append(tuple(_to_mark(stack)))
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            count = int(name[-1])
            stack.append(tuple(_last(stack, count)))
        case "APPEND" | "APPENDS":
            items = _last(stack, 1) if name == "APPEND" else _to_mark(stack)
            _kind(stack[-1], list).extend(items)
        case "SETITEM" | "SETITEMS":
            items = _last(stack, 2) if name == "SETITEM" else _to_mark(stack)
            _set(_kind(stack[-1], dict), items)
        case "GLOBAL":
            stack.append(_named(argument))
        case "STACK_GLOBAL":
            module, attribute = _last(stack, 2)
            stack.append(_named(f"{_kind(module, str)} {_kind(attribute, str)}"))
        case "REDUCE":
            called, arguments = _last(stack, 2)
            stack.append(_made(_kind(called, Name), _kind(arguments, tuple)))
        case "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], ByteType):  # whose state says nothing more
                _fill(_kind(stack[-1], PickledArray), state)
        case "PROTO" | "FRAME" | "STOP":
            pass
        case _:
            raise ValueError(f"it has the instruction {name}, which plain data needs not")


def _to_mark(stack: list[Any]) -> list[Any]:
    """Take the objects above the last mark, and the mark."""
    items = []
    while (item := stack.pop()) is not MARK:
        items.append(item)
    return items[::-1]


def _last(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError
    items = stack[-count:]
    del stack[-count:]
    return items


def _kind(value: Any, kind: type) -> Any:
    return value if type(value) is kind else _refuse()


def _refuse() -> NoReturn:
    raise ValueError("it holds objects other than plain data and tables of bytes")


def _set(target: dict[Any, Any], items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        # to hash a tuple of tuples can take forever
        if not isinstance(key, str | bytes):
            _refuse()
        target[key] = value


def _named(name: str) -> Name:
    if name not in NAMES:
        raise ValueError(f"it asks for {name.replace(' ', '.')}, which is no plain data")
    return Name(NAMES[name])


def _made(called: Name, arguments: tuple[Any, ...]) -> Any:
    match called.meaning, arguments:
        case "bytes", (str(text), "latin1" | "latin-1"):
            return text.encode("latin-1")
        case "array", (Name("ndarray"), _, _):
            return PickledArray()
        case "dtype", (code, *_) if code in BYTE_TYPES:
            return ByteType()
    _refuse()


def _fill(made: PickledArray, state: Any) -> None:
    """Its state as numpy writes it: version, shape, dtype, whether column by column, bytes."""
    match state:
        case (_, (int(rows), int(columns)), ByteType(), bool() | 0 | 1 as by_column, bytes(data)):
            if rows > 0 and rows * columns == len(data):
                flat = np.frombuffer(data, np.uint8)
                made.array = (
                    flat.reshape(columns, rows).T if by_column else flat.reshape(rows, columns)
                )
                return
    _refuse()
