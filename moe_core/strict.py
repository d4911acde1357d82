"""The base of all configuration: unknown keys, wrong types and later changes are errors."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Immutable, no unknown keys, no silent conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
