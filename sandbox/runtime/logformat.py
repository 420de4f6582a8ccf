"""How services write their logs: the level, the trace, and the parts of a structured line.

Lines of JSON (pino, winston, bunyan, zap, slog, logrus, structlog, logback, ECS, OpenTelemetry), of key=value (logfmt)
and of text (Python's logging, uvicorn, Flask, Django, Rails, log4j, nginx, glog, klog, syslog). A stack trace has the
level of the line before it. What is not recognised has no level, which is not an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sandbox.control import LogLevel
from sandbox.runtime.logtext import without_colours

LONGEST_SCAN = 256
"""Characters of a text in which a level is looked for: further on a word like ERROR is what the line speaks of."""

_WORDS = {
    **dict.fromkeys(("trace", "trc", "finest", "finer", "silly", "verbose", "t"), LogLevel.TRACE),
    **dict.fromkeys(("debug", "dbg", "debg", "fine", "d"), LogLevel.DEBUG),
    **dict.fromkeys(("info", "inf", "information", "notice", "config", "log", "http", "ok", "i"), LogLevel.INFO),
    **dict.fromkeys(("warn", "warning", "wrn", "w"), LogLevel.WARNING),
    **dict.fromkeys(("error", "err", "eror", "severe", "failure", "e"), LogLevel.ERROR),
    **dict.fromkeys(
        ("fatal", "critical", "crit", "panic", "dpanic", "alert", "emerg", "emergency", "ftl", "f", "c"), LogLevel.FATAL
    ),
}
_PINO = ((60, LogLevel.FATAL), (50, LogLevel.ERROR), (40, LogLevel.WARNING), (30, LogLevel.INFO), (20, LogLevel.DEBUG))
_OTEL = ((21, LogLevel.FATAL), (17, LogLevel.ERROR), (13, LogLevel.WARNING), (9, LogLevel.INFO), (5, LogLevel.DEBUG))

_LEVEL_KEYS = ("level", "lvl", "severity", "severity_text", "severityText", "SeverityText", "levelname", "log.level")
_MESSAGE_KEYS = ("message", "msg", "event", "body", "Body", "textPayload")
_TRACE_KEYS = ("trace_id", "traceId", "traceID", "TraceId", "otelTraceID", "trace.id", "dd.trace_id", "traceparent")
_TIME_KEYS = frozenset({"time", "timestamp", "ts", "@timestamp", "asctime", "datetime", "Timestamp"})
_NOISE = frozenset({"v", "pid", "hostname"})  # of bunyan and pino: the same in every line

_FAILED = (LogLevel.ERROR, LogLevel.FATAL)

_NAMES = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|FATAL|CRITICAL|CRIT|PANIC|ALERT|EMERG"
_UPPER = re.compile(rf"(?:{_NAMES}|ERR|WRN|INF|DBG|FTL|TRC)")
_BRACKETED = re.compile(rf"[\[(<]({_NAMES.lower()}|err)[\])>:]")
_BEGINNING = re.compile(rf"({_NAMES.lower()})(?:\[|:\s)")
_ASSIGNED = re.compile(r"\b(?:level|lvl|severity)=[\"']?([A-Za-z]+)")
_BEFORE, _AFTER = frozenset(" \t[(<|:/-"), frozenset(" \t])>|:,/-")
"""Between these a word is a level of its own."""

_GLOG = re.compile(r"^(?P<level>[DIWEF])\d{4} \d\d:\d\d:\d\d")
_RAILS = re.compile(r"^(?P<level>[DIWEFA]), \[\d{4}-\d\d-\d\dT")
_SYSLOG = re.compile(r"^<(?P<priority>\d{1,3})>")
_ACCESS = re.compile(r'" (?P<status>[1-5]\d\d) (?:\d+|-)(?: |$)|" (?P<uvicorn>[1-5]\d\d)(?: [A-Z]|$)')
_LOGFMT = re.compile(r'(?:^|\s)([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_TRACE = re.compile(
    r"\b00-(?P<parent>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\b"
    r"|\b(?:trace[_.]?id|traceid|otelTraceID|trace)[\"']?\s*[=:]\s*[\"']?(?P<named>[0-9a-fA-F]{32})\b",
    re.IGNORECASE,
)
_STACK_BEGINS = re.compile(
    r"^(?:Traceback \(most recent call last\):|panic: |goroutine \d+ \[|Exception in thread |fatal error: "
    r"|Unhandled |Uncaught |thread '.*' panicked at )"
)
_STACK_GOES_ON = re.compile(
    r"^(?:\s+\S|$|Caused by: |During handling of |The above exception |goroutine \d+ |\S+\(.*\)$|exit status \d)"
)
_STACK_ENDS = re.compile(r"^[\w.$]+(?:Error|Exception|Exit|Interrupt|Warning|Fault|Failure|Iteration)\b")


@dataclass(frozen=True, slots=True)
class Recognised:
    level: LogLevel | None = None
    trace: str | None = None  # 32 digits
    message: str | None = None  # of a structured line
    fields: Mapping[str, Any] = field(default_factory=dict)  # of a structured line, without level, message and trace


class Recogniser:
    """Reads the lines of one log in their order: a stack trace belongs to what was said before it."""

    def __init__(self) -> None:
        self._before: LogLevel | None = None
        self._in_stack = False

    def read(self, text: str) -> Recognised:
        found = recognise(text)
        if found.level is not None:
            self._before, self._in_stack = found.level, False
            return found
        return Recognised(self._unnamed(text), found.trace, found.message, found.fields)

    def _unnamed(self, text: str) -> LogLevel | None:
        """The level of a line that names none."""
        if _STACK_BEGINS.match(text):
            self._before = max(self._before or LogLevel.ERROR, LogLevel.ERROR, key=list(LogLevel).index)
            self._in_stack = True
        elif self._in_stack and _STACK_ENDS.match(text):
            self._in_stack = False
        elif not (_STACK_GOES_ON.match(text) and (self._in_stack or self._before in _FAILED)):
            self._before, self._in_stack = None, False
        return self._before


def recognise(text: str) -> Recognised:
    """What a line says by itself. `text`: as `logtext.clean` gives it."""
    text = without_colours(text)
    start = text.find("{", 0, 64)
    if start >= 0 and text.endswith("}") and (found := _json(text[start:])) is not None:
        return found
    if "level=" in text or "lvl=" in text:
        return _logfmt(text)
    return Recognised(_text_level(text), _text_trace(text))


# --- structured lines ---------------------------------------------------------------------------------------------


def _json(text: str) -> Recognised | None:
    try:
        parts = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return _structured(parts) if isinstance(parts, dict) else None


def _logfmt(text: str) -> Recognised:
    pairs = {name: _unquoted(value) for name, value in _LOGFMT.findall(text)}
    if len(pairs) < 2:
        return Recognised(_text_level(text), _text_trace(text))
    return _structured(pairs)


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value[:1] == '"' else value


def _structured(parts: Mapping[str, Any]) -> Recognised:
    level_key, level = _first(parts, _LEVEL_KEYS, _level_of)
    if level is None:
        level_key, level = _first(parts, ("severityNumber", "severity_number", "SeverityNumber"), _otel_level)
    message_key, message = _first(parts, _MESSAGE_KEYS, _message_of)
    trace_key, trace = _first(parts, _TRACE_KEYS, _trace_of)
    known = {level_key, message_key, trace_key}
    fields = {name: value for name, value in parts.items() if name not in known | _TIME_KEYS and name not in _NOISE}
    return Recognised(level, trace, message, fields)


def _first(parts: Mapping[str, Any], keys: tuple[str, ...], read: Any) -> tuple[str | None, Any]:
    """The first of the keys whose value can be read. A dot leads into a map: ECS writes both forms."""
    for key in keys:
        value = parts.get(key)
        if value is None and "." in key:
            outer, _, inner = key.partition(".")
            holder = parts.get(outer)
            value = holder.get(inner) if isinstance(holder, dict) else None
        if value is not None and (found := read(value)) is not None:
            return key, found
    return None, None


def _level_of(value: object) -> LogLevel | None:
    """A word, or pino's and bunyan's number."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return _of_number(value, _PINO)


def _otel_level(value: object) -> LogLevel | None:
    return _of_number(value, _OTEL)


def _of_number(value: object, scale: tuple[tuple[int, LogLevel], ...]) -> LogLevel | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return next((level for number, level in scale if value >= number), LogLevel.TRACE)


def _message_of(value: object) -> str | None:
    if isinstance(value, dict):  # OpenTelemetry's AnyValue
        value = value.get("stringValue")
    return value if isinstance(value, str) else None


def _trace_of(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    parts = value.split("-")
    found = parts[1] if len(parts) == 4 else value
    return _id(found)


def _id(text: str) -> str | None:
    """None for what is no id of a trace, and for the one that says there is none (W3C Trace Context §3.2.2.3)."""
    is_one = len(text) == 32 and not text.strip("0123456789abcdefABCDEF") and text.strip("0")
    return text.lower() if is_one else None


# --- text ---------------------------------------------------------------------------------------------------------


def _text_level(text: str) -> LogLevel | None:
    head = text[:LONGEST_SCAN]
    for match in _UPPER.finditer(head):
        begins = match.start() == 0 or head[match.start() - 1] in _BEFORE
        if begins and (match.end() == len(head) or head[match.end()] in _AFTER):
            return _WORDS.get(match[0].lower())
    named = _BRACKETED.search(head) or _BEGINNING.match(head)
    if named is None and "=" in head:
        named = _ASSIGNED.search(head)
    return _other_level(head) if named is None else _WORDS.get(named[1].lower())


def _other_level(head: str) -> LogLevel | None:
    for pattern in (_GLOG, _RAILS):
        if (match := pattern.match(head)) is not None:
            return _WORDS.get(match["level"].lower(), LogLevel.FATAL)
    if (match := _SYSLOG.match(head)) is not None:
        return _SEVERITIES[int(match["priority"]) % 8]
    if '" ' in head and (match := _ACCESS.search(head)) is not None:
        return _of_status(int(match["status"] or match["uvicorn"]))
    return None


_SEVERITIES = (
    *(LogLevel.FATAL, LogLevel.FATAL, LogLevel.FATAL, LogLevel.ERROR),
    *(LogLevel.WARNING, LogLevel.INFO, LogLevel.INFO, LogLevel.DEBUG),
)
"""RFC 5424 §6.2.1."""


def _of_status(status: int) -> LogLevel:
    """Of a line in an access log, by the answer that it tells of."""
    return LogLevel.ERROR if status >= 500 else LogLevel.WARNING if status >= 400 else LogLevel.INFO


def _text_trace(text: str) -> str | None:
    if "00-" not in text and "race" not in text and "RACE" not in text:
        return None
    match = _TRACE.search(text)
    return None if match is None else _id(match["parent"] or match["named"])
