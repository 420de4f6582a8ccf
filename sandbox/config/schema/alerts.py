"""Alerts of the project, and what is promised of a service."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from sandbox.config import alertforms
from sandbox.config.fields import Duration, HookCommand, Label, PositiveDuration, fault, kind, text
from sandbox.config.schema.spec import Spec
from sandbox.model import BUILT_IN_ALERTS, AlertCondition


def _condition(value: object) -> AlertCondition:
    try:
        return alertforms.parse_condition(text(value))
    except ValueError as error:
        raise fault(str(error), f"write it like {alertforms.EXAMPLES}") from None


def _share(value: object) -> float:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", text(value), re.ASCII)
    if found is None:
        raise fault(f"should be a percentage, not {kind(value)}", "write it like 99.5%")
    share = float(found[1]) / 100
    if not 0 < share < 1:
        raise fault(f"is out of range: {kind(value)}", "write more than 0% and less than 100%, such as 99.5%")
    return share


def _webhook(value: object) -> str:
    url = text(value)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise fault(f"should be a URL, not {kind(value)}", "write it like http://127.0.0.1:9000/alerts")
    return url


_TEXT: dict[str, Any] = {"type": "string"}
Condition = Annotated[
    AlertCondition, PlainValidator(_condition), WithJsonSchema({**_TEXT, "examples": ["error_ratio(orders) > 5%"]})
]
Share = Annotated[float, PlainValidator(_share), WithJsonSchema({**_TEXT, "examples": ["99.5%"]})]
Webhook = Annotated[str, PlainValidator(_webhook), WithJsonSchema({**_TEXT, "format": "uri"})]


class LatencySpec(Spec):
    p50: PositiveDuration | None = Field(None, description="Half of the requests are answered within this time.")
    p90: PositiveDuration | None = Field(None, description="Nine in ten are.")
    p95: PositiveDuration | None = Field(None, description="Nineteen in twenty are.")
    p99: PositiveDuration | None = Field(None, description="All but one in a hundred are.")


class ObjectivesSpec(Spec):
    availability: Share | None = Field(None, description="The share of requests that succeed, such as 99.5%.")
    latency: LatencySpec | None = Field(None, description="How long requests take at most, by quantile.")


class AlertRuleSpec(Spec):
    name: Label = Field(description="What the alert is called.")
    when: Condition = Field(description="A metric and its limit, such as error_ratio(orders) > 5%.")
    hold: Duration | None = Field(None, alias="for", description="How long it has to be so. Default: 30s.")
    severity: Literal["info", "warning", "critical"] | None = Field(
        None, description="How bad it is. Default: warning."
    )

    @model_validator(mode="after")
    def _own_name(self) -> AlertRuleSpec:
        if self.name in BUILT_IN_ALERTS:
            raise fault(f"is the name of a built-in alert: {self.name}", "choose another name")
        return self


class NotifySpec(Spec):
    webhook: Webhook | None = Field(None, description="A URL that gets a POST when an alert fires or is resolved.")
    command: HookCommand | None = Field(
        None, description="What is run then, with the alert in variables SANDBOX_ALERT_… and as JSON on its input."
    )


class AlertsSpec(Spec):
    rules: list[AlertRuleSpec] = Field(default_factory=list, description="Alerts of your own.")
    disable: list[Literal[BUILT_IN_ALERTS]] = Field(  # type: ignore[valid-type]
        default_factory=list, description="Built-in alerts that are not wanted."
    )
    notify: NotifySpec | None = Field(None, description="Who is told.")
