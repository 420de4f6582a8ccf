"""Levels and traces in the formats that services write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import LogLevel
from sandbox.runtime.logformat import Recogniser, recognise

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_formats_that_are_known() -> None:
    """Of logformats.txt, in one log: what each line is, and the line."""
    reader = Recogniser()
    for written in (Path(__file__).parent / "logformats.txt").read_text().splitlines():
        if written.startswith("#"):
            continue
        expected, _, line = written.partition("| ")
        found = reader.read(line)
        assert f"{found.level or '-'} {found.trace or ''}".split() == expected.split(), line


@pytest.mark.parametrize(
    ("line", "level", "message", "fields"),
    [
        ('{"level":50,"time":1,"pid":1,"hostname":"h","msg":"bad","id":4}', LogLevel.ERROR, "bad", {"id": 4}),  # pino
        ('{"level":"warn","ts":1.5,"caller":"x.go:1","msg":"hm"}', LogLevel.WARNING, "hm", {"caller": "x.go:1"}),  # zap
        ('{"level":"info","message":"winston"}', LogLevel.INFO, "winston", {}),
        ('{"severity":"CRITICAL","message":"google"}', LogLevel.FATAL, "google", {}),
        ('{"log.level":"ERROR","message":"ecs"}', LogLevel.ERROR, "ecs", {}),
        ('{"event":"structlog","level":"debug","n":[1]}', LogLevel.DEBUG, "structlog", {"n": [1]}),
        ('{"Body":{"stringValue":"otel"},"SeverityNumber":17}', LogLevel.ERROR, "otel", {}),
        ('web_1 {"level":"info","msg":"behind a name"}', LogLevel.INFO, "behind a name", {}),
        ('time="x" level=warning msg="a \\"b\\"" n=1', LogLevel.WARNING, 'a "b"', {"n": "1"}),  # logrus
        ("time=x level=INFO msg=hello user=x", LogLevel.INFO, "hello", {"user": "x"}),  # slog
        ('{"level":true,"msg":5}', None, None, {"level": True, "msg": 5}),
        ("\x1b[31m{}\x1b[0m", None, None, {}),
    ],
)
def test_structured_lines(line: str, level: LogLevel | None, message: str | None, fields: dict[str, Any]) -> None:
    found = recognise(line)

    assert (found.level, found.message, dict(found.fields)) == (level, message, fields)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"trace_id":"{TRACE}"}}',
        f'{{"traceId":"{TRACE.upper()}"}}',
        f'{{"trace":{{"id":"{TRACE}"}}}}',
        f'{{"traceparent":"00-{TRACE}-00f067aa0ba902b7-01"}}',
        f"level=info msg=x trace_id={TRACE}",
        f"traceID: {TRACE}",
    ],
)
def test_the_trace_of_a_line(line: str) -> None:
    assert recognise(line).trace == TRACE


@given(st.text(max_size=300) | st.from_regex(r"\{.*\}|(level|trace_id)=.*|00-.*", fullmatch=True))
def test_any_line_is_read(line: str) -> None:
    recognise(line)


def test_a_line_nested_without_end_is_text() -> None:
    assert recognise("{" + '"a":{' * 5000 + "}" * 5001).level is None
