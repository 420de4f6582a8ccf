"""What all maps of the file have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo


def _allow_extensions(schema: dict[str, Any]) -> None:
    schema["patternProperties"] = {"^x-": {}}


class Spec(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        defer_build=True,  # ProjectSpec builds the ones it holds: half the time of building each by itself
        json_schema_extra=_allow_extensions,
    )

    compose: ClassVar[str] = ""
    """Which keys of Compose are known here: a key of `compose.UNSUPPORTED`."""

    @classmethod
    def keys(cls) -> dict[str, FieldInfo]:
        """As the file writes them: `for` and `from` are words of Python, so such fields have them as their alias."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _present(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None and not key.startswith("x-")}
