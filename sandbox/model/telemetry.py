"""How much is measured, and who else gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpExport:
    """A collector of the user's, by OTLP over HTTP."""

    endpoint: str  # without /v1/traces
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a key


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    traces_per_second: float | None = 20.0  # that are begun; None: every request, 0: none
    auto: bool = False  # Python services run under OpenTelemetry's own instrumentation
    export: OtlpExport | None = None
