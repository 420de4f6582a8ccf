"""Traces in a list, and one trace as a waterfall. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sandbox.control import Span, Trace, TraceQuery, TraceSummary
from sandbox.errors import UsageError
from sandbox.tui.grid import Cell, Column, Row
from sandbox.tui.words import NONE, Tone, clock, milliseconds

SUMMARIES = (
    Column("time", "TIME", "TIME", False, 19, 8),
    Column("status", "STATUS", "STATUS", False, 18, 6),
    Column("duration", "TOOK", "TOOK", True, 17, 6),
    Column("root", "REQUEST", "REQUEST", False, 20, 16, fills=True),
    Column("services", "SERVICES", "SERVICES", True, 10, 3),
    Column("spans", "SPANS", "SPANS", True, 9, 3),
    Column("id", "TRACE", "TRACE", False, 8, 8),
)
_NAMES = 34
"""Columns for what a hop is called, beside its bar."""
_SCROLL_BAR = 2
HELP = "words: /path · orders (a service) · 503 · error · >200ms · key=value · slowest"


def hops(width: int) -> tuple[Column, ...]:
    """The columns of a waterfall on a screen that is so wide."""
    columns = [
        Column("name", "HOP", "HOP", False, 20, min(_NAMES, width // 3)),
        Column("bar", "", "", False, 19, bar_width(width)),
        Column("took", "TOOK", "TOOK", True, 18, 6),
    ]
    if width >= 120:
        columns.append(Column("story", "WHAT THE MESH DID", "STORY", False, 10, 20, fills=True))
    return tuple(columns)


def bar_width(width: int) -> int:
    """Beside the other columns and a scroll bar."""
    return max(12, (width - 2 - min(_NAMES, width // 3) - 6 - 6 - _SCROLL_BAR) // (2 if width >= 120 else 1))


# --- the list -----------------------------------------------------------------------------------------------------


def query(text: str, services: Iterable[str], base: TraceQuery | None = None) -> TraceQuery:
    """What a person types, word by word, see HELP. UsageError for a word that means nothing."""
    found, known = base or TraceQuery(), set(services)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(str(error).lower(), place=text) from None
    for word in words:
        found = _narrowed(found, word, known)
    return found


def _narrowed(found: TraceQuery, word: str, services: set[str]) -> TraceQuery:
    if word in ("error", "errors"):
        return replace(found, errors=True)
    if word in ("slow", "slowest"):
        return replace(found, slowest=True)
    if word.startswith(">"):
        return replace(found, min_duration=_seconds(word[1:]))
    if word.isascii() and word.isdigit() and len(word) == 3:
        return replace(found, status=int(word))
    if "=" in word:
        return replace(found, attribute=word)
    return replace(found, service=word) if word in services else replace(found, route=word)


def _seconds(text: str) -> float:
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("", 0.001)):
        if text.endswith(unit):
            try:
                return float(text[: len(text) - len(unit)]) * factor
            except ValueError:
                break
    raise UsageError("is no time: 200ms, 1.5s", place=f">{text}")


def summary_rows(found: Iterable[TraceSummary]) -> tuple[Row, ...]:
    return tuple(_summary_row(one) for one in found)


def _summary_row(one: TraceSummary) -> Row:
    tone = Tone.BAD if one.error else Tone.PLAIN
    status = f"{'✗ ' if one.error else '● '}{one.status if one.status is not None else NONE}"
    cells = {
        "time": Cell(clock(one.start), Tone.OFF),
        "status": Cell(status, Tone.BAD if one.error else Tone.GOOD),
        "duration": Cell(milliseconds(one.duration * 1000), tone),
        "root": Cell(one.root, tone),
        "services": Cell(str(len(one.services))),
        "spans": Cell(str(one.spans)),
        "id": Cell(one.id[:8], Tone.OFF),
    }
    return Row(one.id, cells)


# --- the waterfall ------------------------------------------------------------------------------------------------


def waterfall(trace: Trace, bar: int) -> tuple[Row, ...]:
    """A line for each span, indented below its parent; its bar lies where it was in time, `bar` columns wide."""
    depths = _depths(trace.spans)
    start = min((span.start for span in trace.spans), default=0.0)
    end = max((span.start + span.duration for span in trace.spans), default=start)
    return tuple(_hop(span, depths[span.id], start, end - start, bar) for span in trace.spans)


def _depths(spans: Sequence[Span]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for span in spans:
        depths[span.id] = depths.get(span.parent or "", -1) + 1
    return depths


def _hop(span: Span, depth: int, start: float, length: float, bar: int) -> Row:
    tone = Tone.BAD if span.error else Tone.GOOD
    sign = "✗ " if span.error else ""
    lead = f"{'  ' * (depth - 1)}└ " if depth else ""
    name = f"{lead}{sign}{span.service} {span.name}" if span.name != span.service else f"{lead}{sign}{span.service}"
    cells = {
        "name": Cell(name, Tone.BAD if span.error else Tone.PLAIN),
        "bar": Cell(bar_of(span.start - start, span.duration, length, bar, from_proxy=span.from_proxy), tone),
        "took": Cell(milliseconds(span.duration * 1000)),
        "story": Cell(span.story, Tone.OFF),
    }
    return Row(span.id, cells)


def bar_of(offset: float, duration: float, length: float, width: int, *, from_proxy: bool) -> str:
    """At least one character. What the proxy measured is drawn thinner than what the service itself did."""
    if length <= 0:
        return "▏"
    first = min(width - 1, max(0, int(offset / length * width)))
    last = min(width, max(first + 1, round((offset + duration) / length * width)))
    return " " * first + ("━" if from_proxy else "█") * (last - first)


def span_lines(span: Span, trace: Trace) -> list[tuple[str, Tone]]:
    """The mesh's story first, then what is odd about it, then its attributes and events."""
    start = trace.spans[0].start if trace.spans else span.start
    head = f"{span.service} {span.name} · {span.kind} · {milliseconds(span.duration * 1000)}"
    lines = [(head, Tone.STRONG)]
    if span.story:
        lines.append((f"→ {span.story}", Tone.BUSY if span.error else Tone.PLAIN))
    if span.orphan:
        lines.append(("its parent never came: the caller sends no spans, or was sampled otherwise", Tone.BUSY))
    if span.skewed:
        lines.append(("its clock runs differently: it seems to begin before its parent, or to end after it", Tone.BUSY))
    lines += [(f"+{milliseconds((at - start) * 1000)} {what}", Tone.PLAIN) for at, what in span.events]
    lines += [(f"{key} = {value}", Tone.OFF) for key, value in span.attributes.items()]
    return lines
