"""Aligned columns for people. Scripts read `-o json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap
from unicodedata import combining, east_asian_width

Paint = Callable[[str, str], str]  # (column, padded text) -> text to print


def render(
    columns: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint = lambda column, text: text
) -> list[str]:
    """Lines of aligned cells under `columns`. Columns without any text are left out.

    paint: colours a cell of a row after it was measured.
    """
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)] or list(range(len(columns)))
    names = [columns[index] for index in kept]
    cells = [[row[index] for index in kept] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(names, *cells, strict=True)]
    painted = [[paint(name, text) for name, text in zip(names, _padded(row, widths), strict=True)] for row in cells]
    return ["  ".join(line).rstrip() for line in (_padded(names, widths), *painted)]


def fitted(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, wraps: Sequence[str]) -> list[str]:
    """As `render`, within `width` cells (0: no limit) where that can be: the columns in `wraps` are broken into
    lines, the widest first."""
    whole = ((name, (name, *texts)) for name, *texts in zip(columns, *rows, strict=True) if any(texts))
    widths = {name: max(map(display_width, cells)) for name, cells in whole}
    excess = sum(widths.values()) + 2 * (len(widths) - 1) - width if width else 0
    limits = {name: widths[name] for name in wraps if name in widths}
    while excess > 0 and any(limit > _NARROWEST for limit in limits.values()):
        limits[max(limits, key=lambda name: limits[name])] -= 1
        excess -= 1
    return render(columns, [line for row in rows for line in _lines(columns, row, limits)])


_NARROWEST = 12
"""Cells to which a column that wraps is narrowed at most."""


def _lines(columns: Sequence[str], row: Sequence[str], limits: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    cells = [wrap(text, limits.get(name, 0) or max(1, len(text))) for name, text in zip(columns, row, strict=True)]
    return zip_longest(*(cell or [""] for cell in cells), fillvalue="")


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell + " " * (width - display_width(cell)) for cell, width in zip(cells, widths, strict=True)]


def display_width(text: str) -> int:
    """Terminal cells that `text` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
