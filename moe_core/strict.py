"""The base of all configuration: unknown keys, wrong types and later changes are errors."""

import typing
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(gt=0, lt=0.5)]  # of what is held out


class Strict(BaseModel):
    """Immutable, no unknown keys, no silent conversion between types, no infinity or NaN.

    Text is read as YAML where no text can stand, because ``snakemake --config`` hands every value
    inside braces over as text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            key: _plain(value)
            if key in fields and not _may_be_text(fields[key].annotation)
            else value
            for key, value in values.items()
        }


def _may_be_text(annotation: Any) -> bool:
    return annotation is str or any(
        isinstance(a, str) or _may_be_text(a) for a in typing.get_args(annotation)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if not isinstance(value, str):
        return value
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return read if read is None or isinstance(read, (bool, int, float)) else value
