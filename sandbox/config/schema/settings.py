"""Settings: what profiles hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.config.addresspools import AddressPool
from sandbox.config.fields import PortNumber, PositiveDuration, Size, String
from sandbox.config.schema.reload import Reload
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.telemetry import ExportSpec, TracesSpec


class ListenerSpec(Spec):
    port: PortNumber | None = Field(
        None, description="Preferred port on 127.0.0.1; when it is taken, another one is used and named."
    )


class TelemetrySpec(Spec):
    otlp: ListenerSpec | None = Field(None, description="Where services send OpenTelemetry data over HTTP.")
    interval: PositiveDuration | None = Field(None, description="How often the proxy's numbers are collected.")
    traces: TracesSpec | None = Field(None, description="The way single requests take.")
    export: ExportSpec | None = Field(None, description="Who else gets what services and the proxy tell.")
    auto: bool | None = Field(
        None, description="Python services run under OpenTelemetry's own instrumentation, with no change of code."
    )


class LogsSpec(Spec):
    max_size: Size | None = Field(None, description="What is kept of each instance's output, older parts included.")


class ImagesSpec(Spec):
    """The purposes are those of the docker runtime's own list; a test compares the two."""

    python: String | None = Field(None, description="For services in Python.")
    node: String | None = Field(None, description="For services in JavaScript.")
    go: String | None = Field(None, description="For compiling Go.")
    java: String | None = Field(None, description="For services in Java.")
    run: String | None = Field(None, description="For compiled programs.")
    envoy: String | None = Field(None, description="For the proxy, where it runs in a container.")


class DockerSpec(Spec):
    proxy: Literal["auto", "host", "container"] | None = Field(
        None,
        description="Where the proxy runs: auto is the host where containers can reach it, else a container.",
    )
    address_pools: list[AddressPool] = Field(
        default_factory=list, description="Ranges to take a project's addresses from, such as 10.20.0.0/16."
    )
    images: ImagesSpec | None = Field(None, description="Images to use instead of the usual ones.")


class SettingsSpec(Spec):
    runtime: Literal["auto", "process", "docker"] | None = Field(
        None, description="How services run: auto is docker where an engine answers, else process."
    )
    docker: DockerSpec | None = Field(None, description="How the docker runtime works.")
    gateway: ListenerSpec | None = Field(None, description="The way in from outside to public services.")
    ui: ListenerSpec | None = Field(None, description="The web page and the HTTP API.")
    telemetry: TelemetrySpec | None = Field(None, description="Numbers and traces of the traffic.")
    logs: LogsSpec | None = Field(None, description="What services write to standard output and error.")
    reload: Reload = Field(None, description="How a save reloads services that say nothing else about it.")
