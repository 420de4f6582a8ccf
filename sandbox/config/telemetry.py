"""The settings of telemetry: what was written -> what holds, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.config.schema.settings import TelemetrySpec
from sandbox.config.schema.telemetry import EVERY
from sandbox.model import OtlpExport, TelemetrySettings


def telemetry_settings(spec: TelemetrySpec) -> TelemetrySettings:
    given: dict[str, Any] = {}
    if spec.traces is not None and (rate := spec.traces.per_second) is not None:
        given["traces_per_second"] = None if rate == EVERY else rate
    if spec.auto is not None:
        given["auto"] = spec.auto
    if spec.export is not None and (otlp := spec.export.otlp) is not None:
        given["export"] = OtlpExport(endpoint=otlp.endpoint, headers=dict(otlp.headers))
    return TelemetrySettings(**given)


def render_telemetry(
    settings: TelemetrySettings, escaped: Callable[[Mapping[str, str]], dict[str, Any]]
) -> dict[str, Any]:
    """`escaped`: so that what looks like a variable is read as it stands."""
    rate = settings.traces_per_second
    rendered: dict[str, Any] = {"traces": {"per_second": EVERY if rate is None else rate}, "auto": settings.auto}
    if settings.export is not None:
        headers = {"headers": escaped(settings.export.headers)} if settings.export.headers else {}
        rendered["export"] = {"otlp": {**escaped({"endpoint": settings.export.endpoint}), **headers}}
    return rendered
