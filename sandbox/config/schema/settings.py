"""Settings: what profiles hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.config.fields import PortNumber, PositiveDuration, Size
from sandbox.config.schema.spec import Spec


class ListenerSpec(Spec):
    port: PortNumber | None = Field(
        None, description="Preferred port on 127.0.0.1; when it is taken, another one is used and named."
    )


class TelemetrySpec(Spec):
    otlp: ListenerSpec | None = Field(None, description="Where services send OpenTelemetry data over HTTP.")
    interval: PositiveDuration | None = Field(None, description="How often the proxy's numbers are collected.")


class LogsSpec(Spec):
    max_size: Size | None = Field(None, description="What is kept of each instance's output, older parts included.")


class SettingsSpec(Spec):
    runtime: Literal["auto", "process", "docker"] | None = Field(
        None, description="How services run: auto is docker where an engine answers, else process."
    )
    gateway: ListenerSpec | None = Field(None, description="The way in from outside to public services.")
    ui: ListenerSpec | None = Field(None, description="The web page and the HTTP API.")
    telemetry: TelemetrySpec | None = Field(None, description="Numbers and traces of the traffic.")
    logs: LogsSpec | None = Field(None, description="What services write to standard output and error.")
