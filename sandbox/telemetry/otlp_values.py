"""What OTLP's messages have in common: ids, names and values, read without trust. Pure.

What a sender may write is bounded here: names, values and their number beyond the limits are cut.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any

MOST_ATTRIBUTES = 64
LONGEST = 1024
"""Characters of a name or a value."""

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_JSON_TRACE_BYTES, _JSON_SPAN_BYTES = 24, 12  # hex digits, which protobuf's JSON took for base64
_DEPTH = 4  # of nested values
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def trace_id(raw: bytes) -> str:
    """As hex digits; empty when it is none."""
    return _id(raw, _TRACE_BYTES, _JSON_TRACE_BYTES)


def span_id(raw: bytes) -> str:
    """As hex digits; empty when it is none."""
    return _id(raw, _SPAN_BYTES, _JSON_SPAN_BYTES)


def _id(raw: bytes, plain: int, json: int) -> str:
    if len(raw) == plain:
        return raw.hex() if any(raw) else ""
    if len(raw) == json:
        text = base64.b64encode(raw).decode().lower()
        return text if text.strip("0") and not text.strip("0123456789abcdef") else ""
    return ""


def service_name(resource: Any) -> str:
    names = (line(one.value.string_value) for one in resource.attributes if text(one.key) == "service.name")
    return next(names, "unknown")[:LONGEST]


def attributes(pairs: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        if len(found) == MOST_ATTRIBUTES:
            break
        found[line(pair.key)[:LONGEST]] = value(pair.value)[:LONGEST]
    return found


def value(value: Any, depth: int = 0) -> str:
    kind = value.WhichOneof("value")
    if kind is None or depth > _DEPTH:
        return ""
    return _READERS[kind](getattr(value, kind), depth)


def _array(array: Any, depth: int) -> str:
    return f"[{', '.join(value(one, depth + 1) for one in array.values[:MOST_ATTRIBUTES])}]"


def _map(pairs: Any, depth: int) -> str:
    inner = (f"{text(one.key)}: {value(one.value, depth + 1)}" for one in pairs.values[:MOST_ATTRIBUTES])
    return f"{{{', '.join(inner)}}}"


_READERS: dict[str, Callable[[Any, int], str]] = {
    "string_value": lambda found, _: text(found),
    "bool_value": lambda found, _: "true" if found else "false",
    "int_value": lambda found, _: str(found),
    "double_value": lambda found, _: f"{found:g}",
    "bytes_value": lambda found, _: found.hex(),
    "array_value": _array,
    "kvlist_value": _map,
}


def text(value: str | bytes) -> str:
    """Envoy hands on what a client wrote, which need not be UTF-8. Of control characters, which would reach a reader's
    terminal, only tabs and line ends are kept."""
    found = value if isinstance(value, str) else value.decode(errors="replace")
    return found if found.isprintable() else _CONTROLS.sub(" ", found)


def line(value: str | bytes) -> str:
    """A name, which has no line ends either."""
    return text(value).replace("\n", " ").replace("\t", " ")
