"""Aligned columns for people. Scripts read `-o json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell + " " * (width - display_width(cell)) for cell, width in zip(cells, widths, strict=True)]


def display_width(text: str) -> int:
    """Terminal cells that `text` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
