"""Which requests a rule is about."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sandbox.config.fields import TEXT, AlsoAs, String, Text, fault
from sandbox.config.schema.spec import Spec
from sandbox.config.trafficfields import HeaderName, Method, OneLine, path_fault, refuse_bad_expression
from sandbox.model.regex import may_begin_with

Comparison = Literal["Exact", "RegularExpression", "Present"]


class PathSpec(Spec):
    type: Literal["Exact", "PathPrefix", "RegularExpression"] = Field(
        "PathPrefix", description="How it is compared. A prefix ends at a slash: /v2 fits /v2/x and not /v2x."
    )
    value: Text = Field(description="The path without its query, or the regular expression (RE2) of all of it.")

    @model_validator(mode="after")
    def _usable(self) -> PathSpec:
        if self.type == "RegularExpression":
            refuse_bad_expression(self.value)
            if not may_begin_with(self.value, "/"):
                raise fault("has a regular expression that fits no path: each begins with a slash", "begin it with /")
            return self
        wrong = path_fault(self.value)
        if wrong:
            raise fault(*wrong)
        return self


def _compared(kind: str, value: str | None) -> None:
    """A fault when the value of a header or a parameter does not go with how it is compared."""
    if kind != "Present" and value is None:
        raise fault("needs a value", "add value: …, or use type: Present")
    if kind == "Present" and value is not None:
        raise fault("has a value and the type Present", "take one of the two out")
    if kind == "RegularExpression":
        refuse_bad_expression(value or "")


class HeaderSpec(Spec):
    name: HeaderName = Field(description="The header's name, in any case.")
    type: Comparison = Field("Exact", description="How the value is compared.")
    value: OneLine | None = Field(None, description="The value or the regular expression (RE2).")

    @model_validator(mode="after")
    def _complete(self) -> HeaderSpec:
        _compared(self.type, self.value)
        return self


class QueryParamSpec(Spec):
    name: String = Field(description="The parameter's name.")
    type: Comparison = Field("Exact", description="How the value is compared.")
    value: OneLine | None = Field(None, description="The value or the regular expression (RE2).")

    @model_validator(mode="after")
    def _complete(self) -> QueryParamSpec:
        _compared(self.type, self.value)
        return self


VALUE_MAP: dict[str, Any] = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}

_COMPARED: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": ["Exact", "RegularExpression", "Present"]},
                    "value": {"type": ["string", "number", "boolean"]},
                },
            },
        ]
    },
}


class MatchSpec(Spec):
    path: Annotated[PathSpec | None, AlsoAs(TEXT)] = Field(
        None, description="The path; a text alone is the beginning of one."
    )
    headers: Annotated[list[HeaderSpec], AlsoAs(_COMPARED)] = Field(
        default_factory=list, description="Headers that must all fit: {name: value}, or Gateway API's list."
    )
    queryParams: Annotated[list[QueryParamSpec], AlsoAs(_COMPARED)] = Field(
        default_factory=list, description="Query parameters that must all fit: {name: value}, or Gateway API's list."
    )
    method: Method | None = Field(None, description="The method, such as GET.")
    callers: Annotated[list[Text], AlsoAs(TEXT)] = Field(
        default_factory=list,
        alias="from",
        description="Services that call, one of which it has to be; gateway is the way in from outside.",
    )
