"""The configuration reference as Markdown, from the schema that checks the configuration."""

import types
import typing
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from moe_core.configuration import StudyConfig
from moe_core.strict import Strict

HEADER = """# Configuration

All keys of `config.yaml`. This page is generated from the schema: `make docs`. Unknown keys, wrong
types and values out of range stop the workflow before any job, in one line. On the command line,
`snakemake --config scale=cpu` overrides a key and `--config 'corpus={source: files}'` a nested one.
"""


def reference() -> str:
    """The whole page."""
    return HEADER + "\n".join(_section(StudyConfig, ""))


def _section(model: type[Strict], prefix: str) -> list[str]:
    title = prefix.rstrip(".") or "Top level"
    lines = [f"\n## {title}\n", (model.__doc__ or "").strip().partition("\n")[0], ""]
    lines += ["| key | type | meaning |", "|---|---|---|"]
    nested: list[tuple[type[Strict], str]] = []
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            per_name = typing.get_origin(field.annotation) is dict
            path = f"{prefix}{name}.<name>." if per_name else f"{prefix}{name}."
            nested.append((inner, path))
            described = field.description or "see below"
            lines.append(f"| `{prefix}{name}` | keys | {described} |")
        else:
            kind = _type(field.annotation) + _bounds(field.metadata)
            lines.append(f"| `{prefix}{name}` | {kind} | {field.description} |")
    for inner, path in nested:
        lines += _section(inner, path)
    return lines


def _model_in(annotation: Any) -> type[Strict] | None:
    candidates = [annotation, *typing.get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Strict)), None)


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{a}`" for a in arguments)
    if origin is typing.Annotated:
        return _type(arguments[0]) + _bounds(list(arguments[1:]))
    if origin is dict:
        return f"{_type(arguments[1])} by name"
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(a) for a in arguments)
    if annotation is type(None):
        return "null"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}[
        annotation.__name__
    ]


def _bounds(metadata: list[Any]) -> str:
    words = []
    for item in metadata:
        if hasattr(item, "metadata"):  # pydantic's Field inside Annotated
            words += [w for w in [_bounds(item.metadata)] if w]
            continue
        match item:
            case Gt():
                words.append(f" > {item.gt}")
            case Ge():
                words.append(f" >= {item.ge}")
            case Lt():
                words.append(f" < {item.lt}")
            case Le():
                words.append(f" <= {item.le}")
            case MinLen():
                words.append(f", at least {item.min_length}")
    return ",".join(words)
