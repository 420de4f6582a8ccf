"""The kinds of values that only traffic has, as `fields` has the others."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainValidator, WithJsonSchema

from sandbox.config.fields import duration, fault, integer_schema, kind, number, text, whole
from sandbox.config.scalars import written
from sandbox.config.tree import quoted
from sandbox.model import External
from sandbox.model.regex import BadExpression
from sandbox.model.regex import check as check_expression

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)
"""RFC 9110 §5.6.2, with a limit."""

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII)

_FINEST = 4
"""Decimals of a percentage that Envoy can count: it counts in millionths."""

LONGEST_BODY = 4096
"""Bytes of a direct response: Envoy's default for max_direct_response_body_size_bytes."""

_LONGEST_VALUE = 4096

_OF_THE_CONNECTION = frozenset(
    ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]
)
"""RFC 9110 §7.6.1: of one hop, which the proxy sets itself."""


def _percentage(value: object) -> float:
    """Istio's percentages are maps of one value."""
    if isinstance(value, dict) and set(value) == {"value"}:
        value = value["value"]
    found = number(value)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise fault(f"should be a percentage, not {kind(value)}", "write a number from 0 to 100")
    if not 0 <= found <= 100:
        raise fault(f"is out of range: {written(found)}", "write a number from 0 to 100")
    if round(found, _FINEST) != found:
        raise fault(f"is finer than can be counted: {written(found)}", "write at most 4 decimals")
    return float(found)


def _token(value: object) -> str:
    name = text(value)
    if not _TOKEN.fullmatch(name):
        raise fault("has a name that no header can have", "use letters, digits and hyphens")
    return name


def _header_name(value: object) -> str:
    return _token(value).lower()


def _changed_header_name(value: object) -> str:
    name = _header_name(value)
    if name == "host":
        raise fault("names host, which is no header to Envoy", "use a URLRewrite filter with hostname")
    if name in _OF_THE_CONNECTION:
        raise fault(f"names {name}, which belongs to the connection and not to the request", "take it out")
    return name


def _one_line(value: object) -> str:
    found = text(value)
    if len(found) > _LONGEST_VALUE:
        raise fault(f"is longer than {_LONGEST_VALUE} characters", "use a shorter one")
    if any((character < " " and character != "\t") or character == "\x7f" for character in found):
        raise fault("has a character that no header can have", "take line breaks and control characters out")
    return found


def _method(value: object) -> str:
    name = text(value)
    if not re.fullmatch(r"[A-Za-z][A-Za-z-]{0,31}", name, re.ASCII):
        raise fault(f"is no method: {quoted(name)}", "write it like GET")
    if name.upper() == "CONNECT":
        raise fault("names CONNECT, which follows no rules", "take it out")
    return name.upper()


def path_fault(path: str) -> tuple[str, str] | None:
    """What is wrong with a path that requests should have, in Gateway API's terms for HTTPPathMatch."""
    if not path.startswith("/"):
        return f"should begin with a slash: {quoted(path)}", f"write /{path}" if path else "write /"
    if len(path) > 1024:
        return "is longer than 1024 characters", "use a shorter path"
    if re.search(r"[?#]", path):
        return "has a ? or #, which end a path", "use queryParams for what comes after ?"
    if not re.fullmatch(r"[!-~]+", path) or re.search(r'[\\"<>^`{|}]', path):
        return "has a character that no path can have", "write it percent-encoded, such as %20"
    if re.search(r"//|/\.{1,2}(/|$)|%2[fF]", path):
        return "has //, /./, /../ or %2F, which no request has that arrives here", "write the path without"
    return None


def _path(value: object) -> str:
    found = text(value)
    wrong = path_fault(found)
    if wrong:
        raise fault(*wrong)
    return found


def refuse_bad_expression(expression: str) -> None:
    """A fault when Envoy would not take it."""
    try:
        check_expression(expression)
    except BadExpression as error:
        if re.search(r"\(\?<?[=!]|\\[1-9]", expression.replace("\\\\", "")):
            message = "has a look-around or back-reference, which RE2 does not know"
            raise fault(message, "write it without") from None
        raise fault(f"has a regular expression that is not valid: {error}", "correct it; the syntax is RE2's") from None


def _host_name(value: object) -> str:
    name = text(value)
    if not _HOST.fullmatch(name):
        raise fault(f"is no host name: {quoted(name)}", "write it like api.example.com, in lower case")
    return name


def _body(value: object) -> str:
    found = text(value)
    if len(found.encode()) > LONGEST_BODY:
        raise fault(f"is longer than {LONGEST_BODY // 1024} KiB", "let a service answer that")
    return found


_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://(\*\.)?[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


def _origin(value: object) -> str:
    found = text(value)
    if not _ORIGIN.fullmatch(found):
        hint = "write * or a scheme and a host, such as https://www.example.com or https://*.example.com"
        raise fault(f"is no origin: {quoted(found)}", hint)
    return found


def _authorized_path(value: object) -> str:
    """Istio's paths: exact, or a prefix that ends in *."""
    found = text(value)
    wrong = path_fault(found.removesuffix("*"))
    if wrong and found != "*":
        raise fault(*wrong)
    if "*" in found[:-1]:
        raise fault(f"has a * that is not at the end: {quoted(found)}", "write a whole path, or a beginning and *")
    return found


GRPC_STATUS = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]
"""In the order of their numbers."""


def _grpc_status(value: object) -> int:
    if isinstance(value, str) and value in GRPC_STATUS:
        return GRPC_STATUS.index(value)
    found = number(value)
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < len(GRPC_STATUS):
        return int(found)
    raise fault(f"is no status of gRPC: {kind(value)}", "write its name, such as UNAVAILABLE, or a number up to 16")


def _external(value: object) -> External:
    found = text(value)
    try:
        parts = urlsplit(found)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise fault(f"is no address: {quoted(found)}", "write it like https://api.example.com") from None
    if parts.scheme not in ("http", "https") or not host:
        raise fault(f"is no address: {quoted(found)}", "write it like https://api.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        shown = host if port is None else f"{host}:{port}"
        raise fault("has more than a host and a port", f"write {parts.scheme}://{shown}; callers add the path")
    if not _HOST.fullmatch(host) and ":" not in host:
        raise fault(f"is no address: {quoted(found)}", "write it like https://api.example.com")
    if port == 0:
        raise fault("has the port 0, where nothing listens", "write the port, or leave it out")
    tls = parts.scheme == "https"
    return External(host=host, port=port or (443 if tls else 80), tls=tls)


def _redirect_status(value: object) -> int:
    found = number(value)
    if found not in (301, 302, 303, 307, 308) or not isinstance(found, int):
        raise fault(f"should be 301, 302, 303, 307 or 308, not {kind(value)}", "choose one of them")
    return int(found)


_SHORTEST = 0.001
"""Seconds: Envoy's timers count milliseconds, and less would be none."""


def _time(value: object) -> float:
    seconds = duration(value)
    if 0 < seconds < _SHORTEST:
        raise fault(f"is shorter than 1ms: {kind(value)}", "write at least 1ms")
    return seconds


def _positive_time(value: object) -> float:
    seconds = _time(value)
    if not seconds:
        raise fault("should be longer than 0", "write at least 1ms")
    return seconds


_RULE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _.-]{0,61}[A-Za-z0-9])?", re.ASCII)


def _rule_name(value: object) -> str:
    name = text(value)
    if not _RULE_NAME.fullmatch(name):
        raise fault(f"{quoted(name)} is not a name made of up to 63 letters, digits, spaces and -_.", "choose another")
    return name


_TEXT = WithJsonSchema({"type": ["string", "number", "boolean"]})
_LINE = WithJsonSchema({"type": "string", "minLength": 1})
_PERCENT = {"type": ["number", "string"], "minimum": 0, "maximum": 100}
_ISTIOS = {"type": "object", "additionalProperties": False, "properties": {"value": _PERCENT}}

_DURATION = WithJsonSchema({"type": "string", "examples": ["500ms", "10s", "1m30s"]})

Time = Annotated[float, PlainValidator(_time), _DURATION]
PositiveTime = Annotated[float, PlainValidator(_positive_time), _DURATION]
Percentage = Annotated[float, PlainValidator(_percentage), WithJsonSchema({"anyOf": [_PERCENT, _ISTIOS]})]
Token = Annotated[str, PlainValidator(_token), _LINE]
HeaderName = Annotated[str, PlainValidator(_header_name), _LINE]
ChangedHeaderName = Annotated[str, PlainValidator(_changed_header_name), _LINE]
OneLine = Annotated[str, PlainValidator(_one_line), _TEXT]
Method = Annotated[str, PlainValidator(_method), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z-]+$"})]
RequestPath = Annotated[str, PlainValidator(_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
HostName = Annotated[str, PlainValidator(_host_name), _LINE]
Body = Annotated[str, PlainValidator(_body), _TEXT]
Origin = Annotated[str, PlainValidator(_origin), _LINE]
AuthorizedPath = Annotated[
    str, PlainValidator(_authorized_path), WithJsonSchema({"type": "string", "pattern": r"^[/*]"})
]
GrpcStatus = Annotated[int, PlainValidator(_grpc_status), WithJsonSchema({"type": ["integer", "string"]})]
ExternalAddress = Annotated[
    External, PlainValidator(_external), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
RuleName = Annotated[str, PlainValidator(_rule_name), _LINE]
AnyStatus = Annotated[int, PlainValidator(whole(200, 599)), integer_schema(200, 599)]
RedirectStatus = Annotated[
    int,
    PlainValidator(_redirect_status),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 301, "maximum": 308}),
]
Count = Annotated[int, PlainValidator(whole(1, 1_000_000_000)), integer_schema(1, 1_000_000_000)]
CountOrNone = Annotated[int, PlainValidator(whole(0, 1_000_000_000)), integer_schema(0, 1_000_000_000)]
WholePercent = Annotated[int, PlainValidator(whole(0, 100)), integer_schema(0, 100)]
