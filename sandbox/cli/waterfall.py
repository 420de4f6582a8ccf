"""One trace as text: who called whom, how long each took, and when. Pure."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator

from sandbox.cli.style import Style
from sandbox.cli.table import display_width
from sandbox.control import Span, Trace

NARROW = 80

_MOST_SPANS = 200
_DEEPEST = 8  # steps of indentation
_STATUS, _TIME = 3, 8
_FROM_LOG = "not drawn to be traced; of such only hops are told that failed or were slow"
_NOTES = {
    "orphan": "? what called this never told of it",
    "skewed": "~ its clock differs from its caller's",
}


def waterfall(trace: Trace, style: Style, width: int = NARROW) -> Iterator[str]:
    """width: of the terminal, in columns."""
    if not trace.spans:
        yield f"trace {trace.id} has no spans"
        return
    start = min(span.start for span in trace.spans)
    whole = max(max(span.start + span.duration for span in trace.spans) - start, 1e-9)
    yield from _head(trace, start, whole, style)
    depths = _depths(trace)
    names = max(20, min(40, width // 2 - 4))
    bar = max(10, width - names - _STATUS - _TIME - 5)
    for span in trace.spans[:_MOST_SPANS]:
        yield _line(span, depths[span.id], names, style) + _bar(span, start, whole, bar, style)
        yield from _below(span, depths[span.id], width, style)
    if (more := len(trace.spans) - _MOST_SPANS) > 0:
        yield style.paint(f"and {more} spans more; all of them: -o json", "grey")
    if any(span.attributes.get("told_by") == "log" for span in trace.spans):
        yield style.paint(_FROM_LOG, "grey")
    for mark, text in _NOTES.items():
        if any(getattr(span, mark) for span in trace.spans):
            yield style.paint(text, "grey")


def short_time(seconds: float) -> str:
    """At most 7 characters: `0.42 ms`, `33.8 ms`, `486 ms`, `2.13 s`, `312 s`."""
    if seconds >= 0.9995:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    millis = seconds * 1000
    return f"{millis:.2f} ms" if millis < 10 else f"{millis:.1f} ms" if millis < 100 else f"{millis:.0f} ms"


def status_of(span: Span) -> str:
    found = span.attributes.get("http.status_code") or span.attributes.get("http.response.status_code", "")
    return "" if found == "0" else found


def clipped(text: str, width: int) -> str:
    """Cut to `width` columns, and filled up to them."""
    if display_width(text) > width:
        while display_width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - display_width(text))


def _head(trace: Trace, start: float, whole: float, style: Style) -> Iterator[str]:
    at = time.strftime("%H:%M:%S", time.localtime(start))
    services = len({span.service for span in trace.spans if span.service})
    under_way = "" if trace.complete else ", more may come"
    yield f"trace {style.paint(trace.id, 'cyan')}"
    yield style.paint(f"{at}, {short_time(whole)}, {len(trace.spans)} spans of {services} services{under_way}", "grey")
    yield ""


def _line(span: Span, depth: int, names: int, style: Style) -> str:
    mark = "?" if span.orphan else "~" if span.skewed else " "
    label = f"{' ' * min(depth, _DEEPEST)}{_title(span)}"
    text = f"{mark} {clipped(label, names)} {clipped(status_of(span), _STATUS)} {short_time(span.duration):>{_TIME}} "
    return style.paint(text, "red") if span.error else text


def _title(span: Span) -> str:
    version = span.attributes.get("version", "")
    shown = f" {version}" if span.from_proxy and version not in ("", "v1", "*") and span.name != "attempt" else ""
    who = f"attempt {span.attributes.get('attempt', '')}" if span.name == "attempt" else f"{span.service} {span.name}"
    return f"{who}{shown}".strip()


def _bar(span: Span, start: float, whole: float, width: int, style: Style) -> str:
    first = min(width - 1, max(0, int((span.start - start) / whole * width)))
    length = max(1, min(width - first, round(span.duration / whole * width)))
    colour = "red" if span.error else "cyan" if span.from_proxy else "blue"
    return " " * first + style.paint(("█" if span.from_proxy else "▒") * length, colour)


def _below(span: Span, depth: int, width: int, style: Style) -> Iterator[str]:
    said = [span.story] if span.story and (";" in span.story or not span.story.startswith("went to ")) else []
    indent = " " * (min(depth, _DEEPEST) + 3)
    for text in (*said, *(what for _, what in span.events[:3])):
        for line in textwrap.wrap(text, max(30, width - len(indent)), break_on_hyphens=False):
            yield style.paint(f"{indent}{line}", "grey")


def _depths(trace: Trace) -> dict[str, int]:
    depths: dict[str, int] = {}
    for span in trace.spans:
        depths[span.id] = depths.get(span.parent or "", -1) + 1
    return depths
