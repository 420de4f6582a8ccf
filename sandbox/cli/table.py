"""Aligned columns for people. Scripts read `-o json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unicodedata import combining, east_asian_width

Paint = Callable[[str, str], str]  # (column, padded text) -> text to print


def render(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None, paint: Paint | None = None
) -> str:
    """Lines of aligned cells under `columns`, each ended by a newline. Columns without any text are left out.

    width: cut the last column so that lines fit a terminal; None never cuts. paint: colours cells after they
    were measured.
    """
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)] or list(range(len(columns)))
    cells = [[line[index] for index in kept] for line in (columns, *rows)]
    widths = [max(display_width(line[index]) for line in cells) for index in range(len(kept))]
    names = [columns[index] for index in kept]
    lines = [_line(cells[0], names, widths, width, None)]
    lines += [_line(line, names, widths, width, paint) for line in cells[1:]]
    return "".join(f"{line}\n" for line in lines)


def _line(
    cells: Sequence[str], names: Sequence[str], widths: Sequence[int], limit: int | None, paint: Paint | None
) -> str:
    padded = [cell + " " * (size - display_width(cell)) for cell, size in zip(cells[:-1], widths[:-1], strict=True)]
    last = cells[-1]
    if limit is not None:
        last = cut(last, max(1, limit - sum(widths[:-1]) - 2 * len(padded)))
    padded.append(last)
    if paint is not None:
        padded = [paint(name, text) for name, text in zip(names, padded, strict=True)]
    return "  ".join(padded).rstrip()


def display_width(text: str) -> int:
    """Terminal cells that `text` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    while text and display_width(text) > width - 1:
        text = text[:-1]
    return text + "…"
