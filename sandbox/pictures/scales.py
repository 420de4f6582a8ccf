"""From values to places on paper, and to words beside an axis. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

_NOTHING = 1e-9
_STEPS = (1, 2, 5, 10)
_TIME_STEPS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 6 * 3600, 86400)  # seconds
_BINARY = ("B", "KB", "MB", "GB", "TB")


def top_of(values: Iterable[float | None]) -> float:
    """The smallest round number (1, 2 or 5 times a power of ten) that no value exceeds; 1 where there is nothing."""
    highest = max((value for value in values if value is not None), default=0.0)
    if not _NOTHING < highest < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in _STEPS if step * power >= highest * (1 - 1e-9))


def time_ticks(start: float, end: float, most: int) -> Iterator[float]:
    """Round moments between two, `most` at the utmost."""
    span = max(end - start, 1e-9)
    step = next((step for step in _TIME_STEPS if span / step <= most), _TIME_STEPS[-1])
    tick = math.ceil(start / step) * step
    while tick <= end:
        yield float(tick)
        tick += step


def said(value: float | None, unit: str) -> str:
    """In few characters: `1.2k/s`, `12 ms`, `1.2 s`, `3.4 %`, `210 MB`. `unit` is /s, ms, %, B, cores or nothing."""
    if value is None:
        return "–"
    if unit == "B":
        return _bytes(value)
    if unit == "ms" and abs(value) >= 1000:
        return f"{_short(value / 1000)} s"
    number = _short(value)
    return f"{number}{unit}" if unit == "/s" else f"{number} {unit}".rstrip()


def _short(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:.0f}k"
    if abs(value) >= 1000:
        return f"{value / 1000:.1f}k".replace(".0k", "k")
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _bytes(value: float) -> str:
    for unit in _BINARY:
        if abs(value) < 1024 or unit == _BINARY[-1]:
            return f"{_short(value)} {unit}"
        value /= 1024
    raise AssertionError
