"""The one line that a mistake in ``config.yaml`` gets: key, value, what is allowed."""

import difflib
import re
from collections.abc import Iterable
from types import UnionType
from typing import Any

from pydantic import ValidationError

from moe_core.configuration import StudyConfig
from moe_core.errors import StudyError
from moe_core.strict import Strict


def explain(error: ValidationError) -> StudyError:
    """The first schema error, with the key, the value and the allowed values."""
    # an unknown key is the likely cause of a missing one: name it first
    details = error.errors(include_url=False)
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    key = ".".join(str(part) for part in first["loc"]) or "configuration"
    value, name = _brief(first["input"]), str(first["loc"][-1]) if first["loc"] else ""
    parent = first["loc"][:-1]
    if first["type"] == "extra_forbidden":
        known = _fields_at(parent)
        return StudyError(
            key, f"unknown key{_nearest(name, known)}", f"allowed here: {listed(known)}"
        )
    if first["type"] == "missing":
        return StudyError(key, "is missing", "add it; config.yaml of the repository shows all keys")
    if first["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return StudyError(
            key,
            f"unknown value {value}{_nearest(first['input'], allowed)}",
            f"allowed: {listed(allowed)}",
        )
    if first["type"] == "model_type":
        fields = listed(_fields_at(first["loc"]))
        return StudyError(key, f"{value} is wrong: a group of keys belongs here", f"keys: {fields}")
    hint = ""
    if re.fullmatch(r"'[+-]?\d+(\.\d*)?[eE][+-]?\d+'", value):
        hint = "YAML reads this as text: write it with a dot and a sign, as in 1.0e-3"
    return StudyError(key, f"{value} is wrong: {first['msg'].lower()}", hint)


def one_of(key: str, value: str, allowed: Iterable[str]) -> None:
    """StudyError unless a value is one of those allowed."""
    allowed = list(allowed)
    if value not in allowed:
        raise StudyError(
            key, f"unknown value {value!r}{_nearest(value, allowed)}", f"allowed: {listed(allowed)}"
        )


def listed(allowed: Iterable[str]) -> str:
    """Names with commas."""
    return ", ".join(allowed)


def _nearest(word: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _brief(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:80]}…"


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """Keys of the configuration object that stands at a location."""
    here: Any = StudyConfig
    for part in loc:
        if isinstance(here, type) and issubclass(here, Strict):
            here = here.model_fields[str(part)].annotation
        else:
            here = here.__args__[-1]  # dict[str, Scale] -> Scale
        if isinstance(here, UnionType):  # Hub | None -> Hub
            here = here.__args__[0]
    return list(here.model_fields)
