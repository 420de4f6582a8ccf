"""Log records that arrive by OTLP become lines of their services' logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.control import LogLevel
from sandbox.runtime.logformat import recognise
from sandbox.telemetry import otlp_schema
from sandbox.telemetry.otlp_logs import kept
from sandbox.telemetry.otlp_signals import JSON, PROTOBUF, SIGNALS, Arrival, read

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def request(service: str, *records: dict[str, Any]) -> Arrival:
    resource = {"attributes": [attribute("service.name", service), attribute("service.version", "v2")]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}
    return read(SIGNALS["logs"], json.dumps(body).encode(), JSON)


class Kept:
    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], list[str]] = {}

    def __call__(self, service: str, version: str, lines: Sequence[str]) -> bool:
        if service == "nobody":
            return False
        self.lines.setdefault((service, version), []).extend(lines)
        return True


def test_a_record_is_a_line_with_its_level_and_trace() -> None:
    log = Kept()
    record = {
        "timeUnixNano": "1500000000",
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": "no flour"},
        "attributes": [attribute("user", "me")],
        "traceId": TRACE,
        "spanId": "00f067aa0ba902b7",
    }

    assert kept(request("orders", record), log).rejected == 0

    (line,) = log.lines["orders", "v2"]
    assert json.loads(line) == {
        "time": 1.5,
        "level": "error",
        "msg": "no flour",
        "trace_id": TRACE,
        "span_id": "00f067aa0ba902b7",
        "user": "me",
    }
    found = recognise(line)
    assert (found.level, found.trace, found.message) == (LogLevel.ERROR, TRACE, "no flour")


def test_the_same_in_protobuf() -> None:
    message = otlp_schema.new("LogsRequest")
    record = message.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value, record.trace_id, record.severity_text = "hi", bytes.fromhex(TRACE), "Notice"
    log = Kept()

    kept(read(SIGNALS["logs"], message.SerializeToString(), PROTOBUF), log)

    (line,) = log.lines["unknown", ""]
    assert json.loads(line) == {"level": "notice", "msg": "hi", "trace_id": TRACE}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"intValue": "5"}, "5"),
        ({"kvlistValue": {"values": [attribute("a", "b")]}}, "{a: b}"),
        ({"stringValue": "two\nlines"}, "two\nlines"),
    ],
)
def test_any_body_is_one_line(body: dict[str, Any], text: str) -> None:
    log = Kept()

    kept(request("orders", {"body": body}), log)

    (line,) = log.lines["orders", "v2"]
    assert "\n" not in line and json.loads(line)["msg"] == text


def test_what_is_nobodys_is_said() -> None:
    verdict = kept(request("nobody", {"body": {"stringValue": "x"}}, {}), Kept())

    assert (verdict.rejected, verdict.why) == (2, "there is no service called nobody: see OTEL_SERVICE_NAME")
