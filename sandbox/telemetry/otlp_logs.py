"""OTLP's log records -> lines of JSON, as services that print their logs write them. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.telemetry.otlp_signals import Arrival, Verdict
from sandbox.telemetry.otlp_values import LONGEST, attributes, service_name, span_id, text, trace_id, value

_NANO = 1e-9
_LEVELS = ((21, "fatal"), (17, "error"), (13, "warning"), (9, "info"), (5, "debug"), (1, "trace"))
"""SeverityNumber from which on a record has a level."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    service: str
    version: str  # as `service.version` says; may be empty
    line: str  # JSON, without the line end


def kept(arrival: Arrival, keep: Callable[[str, str, Sequence[str]], bool]) -> Verdict:
    """keep: takes lines of a service and version; False when there is no such service."""
    by_owner: dict[tuple[str, str], list[str]] = {}
    for record in log_records(arrival.message):
        by_owner.setdefault((record.service, record.version), []).append(record.line)
    lost = {owner: len(lines) for owner, lines in by_owner.items() if not keep(*owner, lines)}
    if not lost:
        return Verdict()
    names = ", ".join(sorted({service for service, _ in lost}))
    return Verdict(sum(lost.values()), f"there is no service called {names}: see OTEL_SERVICE_NAME")


def log_records(request: Any) -> Iterator[LogRecord]:
    """Of a parsed ExportLogsServiceRequest."""
    for resource in request.resource_logs:
        service = service_name(resource.resource)
        about = attributes(resource.resource.attributes)
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield LogRecord(service, about.get("service.version", ""), _line(record))


def _line(record: Any) -> str:
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    known = {
        "time": round(nanoseconds * _NANO, 6) if nanoseconds else None,
        "level": _level(record),
        "msg": value(record.body)[: 8 * LONGEST],
        "trace_id": trace_id(record.trace_id),
        "span_id": span_id(record.span_id),
    }
    said = {name: found for name, found in known.items() if found}
    more = {name: found for name, found in attributes(record.attributes).items() if name not in said}
    return json.dumps({**said, **more}, ensure_ascii=False)


def _level(record: Any) -> str:
    """By number; a text alone is taken as it is."""
    named = next((level for number, level in _LEVELS if record.severity_number >= number), "")
    return named or text(record.severity_text)[:LONGEST].lower()
