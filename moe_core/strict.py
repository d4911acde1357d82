"""The base of all configuration: unknown keys, wrong types and later changes are errors."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Immutable, no unknown keys, no silent conversion between types, no infinity or NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
