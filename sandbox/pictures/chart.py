"""Numbers over time as SVG: lines, a legend with the newest values, and what happened meanwhile. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from sandbox.control import Marker
from sandbox.pictures.scales import said, time_ticks, top_of

SVG = "http://www.w3.org/2000/svg"

_WIDTH, _HEIGHT = 460, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 32, 18
_MOST_MARKERS = 40
_CHARACTER = 6.6  # of the legend's font, about

Clock = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """values: one for each step; None where there was nothing, which is a gap."""

    label: str
    values: Sequence[float | None]
    style: str = "line-1"  # a class: line-1 to line-4, bad


def local_clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at)).removesuffix(":00")


def chart(
    title: str,
    unit: str,
    start: float,
    step: float,
    lines: Sequence[Line],
    markers: Sequence[Marker] = (),
    clock: Clock = local_clock,
) -> str:
    """start: seconds since the epoch, of the first values. step: seconds between two."""
    count = max((len(line.values) for line in lines), default=0)
    frame = _Frame(start, step, count, top_of(value for line in lines for value in line.values))
    parts = [
        f'<svg xmlns="{SVG}" class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<text class="title" x="{_LEFT}" y="14">{escape(title)}</text>',
        *_legend(lines, unit),
        *_grid(frame, unit, clock),
        *_markers(frame, markers, clock),
        *(_path(frame, line) for line in lines),
        "</svg>",
    ]
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    start: float
    step: float
    count: int
    top: float

    @property
    def end(self) -> float:
        return self.start + self.step * max(1, self.count - 1)

    def x(self, at: float) -> float:
        share = (at - self.start) / max(self.end - self.start, 1e-9)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = min(1.0, max(0.0, value / self.top))
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _legend(lines: Sequence[Line], unit: str) -> Iterator[str]:
    """From the right: each line's name and newest value."""
    right = float(_WIDTH - _RIGHT)
    for line in reversed(lines):
        newest = next((value for value in reversed(line.values) if value is not None), None)
        words = f"{line.label} {said(newest, unit)}"
        yield f'<text class="legend {line.style}" x="{right:.0f}" y="14">{escape(words)}</text>'
        right -= len(words) * _CHARACTER + 12


def _grid(frame: _Frame, unit: str, clock: Clock) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        y = frame.y(frame.top * share)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
    yield f'<text class="tick" x="{_LEFT}" y="{frame.y(frame.top) - 2:.1f}">{escape(said(frame.top, unit))}</text>'
    for tick in time_ticks(frame.start, frame.end, 5):
        x = frame.x(tick)
        if _LEFT + 20 < x < _WIDTH - _RIGHT - 20:
            yield f'<text class="tick time" x="{x:.0f}" y="{_HEIGHT - 4}">{escape(clock(tick))}</text>'


def _markers(frame: _Frame, markers: Sequence[Marker], clock: Clock) -> Iterator[str]:
    within = [marker for marker in markers if frame.start <= marker.at <= frame.end]
    for marker in within[-_MOST_MARKERS:]:
        x = frame.x(marker.at)
        words = f"{clock(marker.at)} {marker.label}"
        line = f'<path d="M{x:.1f} {_TOP - 4}V{_HEIGHT - _BOTTOM}"/>'
        yield f'<g class="marker {escape(marker.sort)}"><title>{escape(words)}</title>{line}</g>'


def _path(frame: _Frame, line: Line) -> str:
    """A value between two gaps is a dot: a line of no length with round ends."""
    steps: list[str] = []
    drawing = False
    for index, value in enumerate(line.values):
        if value is None:
            drawing = False
            continue
        point = f"{frame.x(frame.start + index * frame.step):.1f} {frame.y(value):.1f}"
        steps.append(f"L{point}" if drawing else f"M{point}h0")
        drawing = True
    return f'<path class="line {line.style}" d="{"".join(steps)}"/>' if steps else ""
