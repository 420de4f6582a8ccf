"""Numbers as pictures made of characters. Pure.

A braille character (U+2800) has two columns of four dots, a block character (U+2580) eight steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

Values = Sequence[float | None]

_STEPS = "▁▂▃▄▅▆▇█"
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""Bits of the dots of the left and of the right column, from the bottom."""
_NICE = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def spark(values: Values, width: int) -> str:
    """The newest values in so many characters; a gap where there is no number."""
    shown = resampled(values, width)
    top = max((value for value in shown if value is not None), default=0.0)
    return "".join(_step(value, top) for value in shown).rjust(width)


def _step(value: float | None, top: float) -> str:
    if value is None:
        return " "
    if top <= 0 or value <= 0:
        return _STEPS[0]
    return _STEPS[min(len(_STEPS) - 1, int(value / top * (len(_STEPS) - 1) + 0.5))]


def resampled(values: Values, width: int) -> list[float | None]:
    """So many values at most, each the greatest of those it stands for, so that no peak is lost."""
    if len(values) <= width:
        return list(values)
    edges = [index * len(values) // width for index in range(width + 1)]
    return [_greatest(values[start:end]) for start, end in pairwise(edges)]


def _greatest(values: Values) -> float | None:
    return max((value for value in values if value is not None), default=None)


_LEAST = 1e-12


def ceiling(greatest: float) -> float:
    """The nearest round number that is not below, see _NICE, times a power of ten. 0 stays 0, and so does what is too
    small to be told from it."""
    if greatest < _LEAST or not isfinite(greatest):
        return 0.0
    power = 1.0
    while power > greatest:
        power /= 10
    while power * 10 <= greatest:
        power *= 10
    return next(power * nice for nice in _NICE if power * nice >= greatest * (1 - 1e-9))


def area(values: Values, width: int, height: int, top: float) -> list[str]:
    """Filled from the bottom up to each value, `height` lines of `width` characters, the newest value at the right."""
    return _braille(values, width, height, top, filled=True)


def line(values: Values, width: int, height: int, top: float) -> list[str]:
    """Only the values themselves, joined where they jump."""
    return _braille(values, width, height, top, filled=False)


def _braille(values: Values, width: int, height: int, top: float, *, filled: bool) -> list[str]:
    dots = stretched(values, width * 2)
    cells = [[0] * width for _ in range(height)]
    before: int | None = None
    for x, value in enumerate(dots):
        level = None if value is None or top <= 0 else min(height * 4 - 1, int(value / top * (height * 4 - 1) + 0.5))
        if level is not None:
            low = 0 if filled else min(level, level if before is None else before + (1 if before < level else 0))
            high = level if filled or before is None else max(level, before - 1 if before > level else level)
            for y in range(low, high + 1):
                cells[height - 1 - y // 4][x // 2] |= _DOTS[x % 2][y % 4]
        before = level
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in cells]


def stretched(values: Values, width: int) -> list[float | None]:
    """Exactly so many values over the same stretch of time."""
    if not values:
        return [None] * width
    if len(values) > width:
        return resampled(values, width)
    return [values[index * len(values) // width] for index in range(width)]


def column_of(at: float, start: float, end: float, width: int) -> int | None:
    """Where a moment lies in a picture from `start` to `end`; None outside of it."""
    if not start <= at <= end or end <= start:
        return None
    return min(width - 1, int((at - start) / (end - start) * width))
