"""How requests travel, in Gateway API's and Istio's words."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sandbox.config.fields import AlsoAs, Attempts, Duration, PositiveDuration, StatusCode, String, Text, Weight, fault
from sandbox.config.schema.spec import Spec


class HeaderSpec(Spec):
    name: String = Field(description="The header's name, in any case.")
    type: Literal["Exact", "RegularExpression", "Present"] = Field("Exact", description="How the value is compared.")
    value: Text | None = Field(None, description="The value or the regular expression (RE2).")

    @model_validator(mode="after")
    def _complete(self) -> HeaderSpec:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", self.name):  # a token, RFC 9110 §5.6.2
            raise fault("has a name that no header can have", "use letters, digits and hyphens")
        if self.type != "Present" and self.value is None:
            raise fault("needs a value", "add value: …, or use type: Present")
        if self.type == "RegularExpression":
            _refuse_bad_expression(self.value or "")
        return self


def _refuse_bad_expression(expression: str) -> None:
    if re.search(r"\(\?<?[=!]|\\[1-9]", expression.replace("\\\\", "")):
        raise fault("has a look-around or back-reference, which RE2 does not know", "write it without")
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise fault(f"has a regular expression that is not valid: {error}", "correct it") from None


HEADER_MAP = {
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
    headers: Annotated[list[HeaderSpec], AlsoAs(HEADER_MAP)] = Field(
        default_factory=list, description="Headers that must all fit: {name: value}, or Gateway API's list."
    )


class BackendRefSpec(Spec):
    version: Text = Field(description="A version of the service.")
    weight: Weight = Field(1, description="Its share, in proportion to the sum of the weights.")


class TimeoutsSpec(Spec):
    request: Duration | None = Field(None, description="The whole request with all attempts; 0s is no limit.")
    backendRequest: Duration | None = Field(None, description="One attempt; 0s is no limit.")


class RetrySpec(Spec):
    attempts: Attempts = Field(1, description="How often to try again.")
    codes: list[StatusCode] = Field(default_factory=list, description="Answers to try again after, such as 503.")
    backoff: PositiveDuration | None = Field(None, description="Shortest pause before trying again.")


class RuleSpec(Spec):
    matches: list[MatchSpec] = Field(
        default_factory=list, description="The rule holds when one of them fits; without any it always holds."
    )
    backendRefs: list[BackendRefSpec] = Field(
        default_factory=list, description="The versions that get the requests; all alike when absent."
    )
    timeouts: TimeoutsSpec | None = Field(None, description="How long a request may take.")
    retry: RetrySpec | None = Field(None, description="When to try again; methods that are idempotent only.")


class TrafficSpec(Spec):
    rules: list[RuleSpec] = Field(default_factory=list, description="The first rule that fits a request holds.")
