"""Numbers over time with what happened meanwhile, as lines of text in tones. Pure.

A title with the newest numbers, the curves beside their scale, and a line of marks where events were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.control import Metric, MetricsAnswer
from sandbox.control.markers import markers
from sandbox.events import Event, Severity
from sandbox.tui.plot import Values, area, ceiling, column_of, line
from sandbox.tui.words import NONE, Tone, clock, cores, milliseconds, percent, rate, size

_SCALE = 6
"""Columns for the numbers at the left."""
_NAMES = 4
"""Columns for the names of curves at the right."""
_NARROWEST = 36
_LOWEST = 5
_HIGHEST = 14
_GAP = 2
_MIB = 1024 * 1024
BLANK = "\u2800"

Piece = tuple[str, Tone]
Unit = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    values: Values
    tone: Tone


@dataclass(frozen=True, slots=True)
class Mark:
    at: float
    symbol: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Chart:
    """start, end: seconds since the epoch. least: the scale reaches at least so far.

    base: a unit in which the scale is round.
    """

    title: str
    unit: Unit
    curves: tuple[Curve, ...]
    start: float
    end: float
    least: float = 0.0
    base: float = 1.0


def draw(chart: Chart, marks: Sequence[Mark], width: int, height: int) -> list[list[Piece]]:
    """Exactly `height` lines of at most `width` characters; 4 lines and 24 columns are the least that say something."""
    named = len(chart.curves) > 1
    room = max(4, width - _SCALE - 1 - (_NAMES if named else 0))
    rows = max(1, height - 2)
    most = max([chart.least, *(v for curve in chart.curves for v in curve.values if v is not None)])
    top = ceiling(most / chart.base) * chart.base
    body = _overlaid(chart, room, rows, top)
    names = _names(chart, rows, top) if named else {}
    lines = [_title(chart, width)]
    for index, pieces in enumerate(body):
        scale = chart.unit(top) if index == 0 and top else chart.unit(0.0) if index == rows - 1 else ""
        lines.append([(f"{scale[:_SCALE]:>{_SCALE}} ", Tone.OFF), *pieces, *names.get(index, ())])
    lines.append([(" " * (_SCALE + 1), Tone.OFF), *_axis(chart, marks, room)])
    return lines[:height]


def _title(chart: Chart, width: int) -> list[Piece]:
    pieces: list[Piece] = [(chart.title, Tone.STRONG)]
    for curve in chart.curves:
        now = next((value for value in reversed(curve.values[-3:]) if value is not None), None)
        name = f" {curve.name}" if len(chart.curves) > 1 else ""
        pieces.append((f" {name} {NONE if now is None else chart.unit(now)}", curve.tone))
    return _cut(pieces, width)


def _cut(pieces: list[Piece], width: int) -> list[Piece]:
    found = []
    for text, tone in pieces:
        if len(text) > width:
            break
        found.append((text, tone))
        width -= len(text)
    return found


def _overlaid(chart: Chart, width: int, rows: int, top: float) -> list[list[Piece]]:
    """Where curves meet, the one that is named last is seen."""
    cells: list[list[Piece]] = [[(" ", Tone.PLAIN)] * width for _ in range(rows)]
    drawing = area if len(chart.curves) == 1 else line
    for curve in chart.curves:
        for y, text in enumerate(drawing(curve.values, width, rows, top)):
            for x, character in enumerate(text):
                if character not in (" ", BLANK):
                    cells[y][x] = (character, curve.tone)
    return [_joined(row) for row in cells]


def _joined(row: Iterable[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for text, tone in row:
        if found and found[-1][1] is tone:
            found[-1] = (found[-1][0] + text, tone)
        else:
            found.append((text, tone))
    return found


def _names(chart: Chart, rows: int, top: float) -> dict[int, list[Piece]]:
    """Each curve's name beside its newest value; one that has no room there goes a line up."""
    found: dict[int, list[Piece]] = {}
    for curve in chart.curves:
        now = next((value for value in reversed(curve.values[-3:]) if value is not None), None)
        if now is None or top <= 0:
            continue
        wanted = rows - 1 - min(rows - 1, int(now / top * rows))
        free = next((row for row in (*range(wanted, -1, -1), *range(wanted + 1, rows)) if row not in found), None)
        if free is not None:
            found[free] = [(f" {curve.name}"[:_NAMES], curve.tone)]
    return found


def _axis(chart: Chart, marks: Sequence[Mark], width: int) -> list[Piece]:
    """The time at both ends, and symbols where something happened."""
    left, right = clock(chart.start), clock(chart.end)
    row: list[Piece] = [("─", Tone.OFF)] * width
    if width >= len(left) + len(right) + 4:
        row[: len(left)] = [(character, Tone.OFF) for character in left]
        row[-len(right) :] = [(character, Tone.OFF) for character in right]
    for mark in marks:
        column = column_of(mark.at, chart.start, chart.end, width)
        if column is not None:
            row[column] = (mark.symbol, mark.tone)
    return _joined(row)


# --- several ------------------------------------------------------------------------------------------------------


def arranged(charts: Sequence[Chart], marks: Sequence[Mark], width: int, height: int) -> list[list[Piece]]:
    """In rows of up to three; below each other what is too low would hide is left out."""
    if not charts or width < _NARROWEST or height < _LOWEST:
        return []
    columns = max(1, min(3, len(charts), (width + _GAP) // (_NARROWEST + _GAP)))
    rows = min(-(-len(charts) // columns), height // _LOWEST)
    each, room = min(_HIGHEST, height // rows), (width - _GAP * (columns - 1)) // columns
    lines: list[list[Piece]] = []
    for row in range(rows):
        pictures = [draw(chart, marks, room, each - 1) for chart in charts[row * columns : (row + 1) * columns]]
        lines += [_beside([picture[y] for picture in pictures], room) for y in range(each - 1)]
        lines.append([])
    return lines


def _beside(parts: Sequence[Sequence[Piece]], room: int) -> list[Piece]:
    found: list[Piece] = []
    for part in parts:
        found += part
        found.append((" " * (room - sum(len(text) for text, _ in part) + _GAP), Tone.PLAIN))
    return found


# --- what a service's page shows ----------------------------------------------------------------------------------

METRICS = (Metric.REQUESTS, Metric.ERROR_RATIO, Metric.P50, Metric.P95, Metric.P99)
USAGE = (Metric.CPU, Metric.MEMORY)

_MARKS = {
    "save": "↻",
    "restart": "↺",
    "scale": "±",
    "policy": "◆",
    "fault": "ϟ",
    "failure": "✗",
    "alert": "▲",
    "proxy": "◇",
    "project": "·",
}
LEGEND = "↻ save ◆ rules ϟ fault ± scale ↺ restart ✗ failure ▲ alert"


def marks(events: Iterable[Event], service: str, since: float, until: float) -> list[Mark]:
    """Of the service itself, and of the project."""
    tones = {Severity.INFO: Tone.GOOD, Severity.WARNING: Tone.BUSY, Severity.ERROR: Tone.BAD}
    found = markers(events, since=since, until=until, service=service)
    return [Mark(one.at, _MARKS.get(one.sort, "·"), tones[one.severity]) for one in found]


def charts(answer: MetricsAnswer) -> tuple[Chart, ...]:
    """Rate, errors and latency by quantile, from one answer about METRICS."""
    found, end = _by_metric(answer), _end(answer)
    quantiles = tuple(
        Curve(metric.value, found.get(metric, ()), tone)
        for metric, tone in ((Metric.P50, Tone.GOOD), (Metric.P95, Tone.BUSY), (Metric.P99, Tone.BAD))
    )
    rates = Curve("", found.get(Metric.REQUESTS, ()), Tone.GOOD)
    errors = Curve("", found.get(Metric.ERROR_RATIO, ()), Tone.BAD)
    return (
        Chart("requests/s", rate, (rates,), answer.start, end, least=1.0),
        Chart("errors %", percent, (errors,), answer.start, end, least=0.05),
        Chart("latency", milliseconds, quantiles, answer.start, end, least=10.0),
    )


def usage_charts(answer: MetricsAnswer) -> tuple[Chart, ...]:
    found, end = _by_metric(answer), _end(answer)
    cpu = Curve("", found.get(Metric.CPU, ()), Tone.GOOD)
    memory = Curve("", found.get(Metric.MEMORY, ()), Tone.GOOD)
    return (
        Chart("CPU", cores, (cpu,), answer.start, end, least=0.1),
        Chart("memory", size, (memory,), answer.start, end, least=16 * _MIB, base=_MIB),
    )


def version_chart(answer: MetricsAnswer) -> Chart:
    """Requests by version; tones repeat after four."""
    tones = (Tone.GOOD, Tone.BUSY, Tone.BAD, Tone.PLAIN)
    series = sorted(answer.series, key=lambda one: one.labels.get("version", ""))
    curves = tuple(
        Curve(one.labels.get("version", ""), one.values, tones[index % len(tones)]) for index, one in enumerate(series)
    )
    return Chart("versions", rate, curves, answer.start, _end(answer), least=1.0)


def _by_metric(answer: MetricsAnswer) -> Mapping[Metric, Values]:
    return {series.metric: series.values for series in answer.series}


def _end(answer: MetricsAnswer) -> float:
    count = max((len(series.values) for series in answer.series), default=0)
    return answer.start + answer.step * max(1, count)
