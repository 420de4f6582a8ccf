"""Lines of cells under columns: which columns fit, and how wide they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from sandbox.tui.words import Tone

_LONGEST = 28


class Cell(NamedTuple):
    """short: what stands there where room is scarce."""

    text: str
    tone: Tone = Tone.PLAIN
    short: str | None = None

    def shown(self, short: bool) -> str:
        return self.short if short and self.short is not None else self.text


class Column(NamedTuple):
    """weight: the columns with the lowest go first when they do not all fit. least: keeps numbers from jumping.

    fills: takes what room is left, and is cut where there is none.
    """

    name: str
    title: str
    short: str
    right: bool
    weight: int
    least: int
    fills: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line, known by its key wherever it moves. parent: the key of the line it is a part of."""

    key: str
    cells: Mapping[str, Cell]
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    columns: tuple[tuple[Column, int], ...]  # with their widths
    gap: int
    short: bool

    @property
    def width(self) -> int:
        return sum(width for _, width in self.columns) + self.gap * (len(self.columns) - 1)


def fit(columns: Sequence[Column], lines: Sequence[Row], room: int) -> Layout:
    """The most columns that fit: first spacious, then with short words, then closer, then without the lightest."""
    kept = list(columns)
    for short, gap in ((False, 2), (True, 2), (True, 1)):
        layout = _layout(kept, lines, gap, short)
        if layout.width <= room:
            return _filled(layout, room)
    while layout.width > room and len(kept) > 2:
        kept.remove(min(kept, key=lambda column: column.weight))
        layout = _layout(kept, lines, 1, True)
    roomier = _layout(kept, lines, 2, True)
    return _filled(roomier if roomier.width <= room else layout, room)


def _filled(layout: Layout, room: int) -> Layout:
    left = max(0, room - layout.width)
    widths = tuple((column, width + left if column.fills else width) for column, width in layout.columns)
    return Layout(widths, layout.gap, layout.short)


def _layout(columns: Sequence[Column], lines: Sequence[Row], gap: int, short: bool) -> Layout:
    return Layout(tuple((column, _width(column, lines, short)) for column in columns), gap, short)


def _width(column: Column, lines: Sequence[Row], short: bool) -> int:
    if column.fills:
        return column.least
    texts = [line.cells[column.name].shown(short) for line in lines if column.name in line.cells]
    widest = max([len(column.short if short else column.title), column.least, *map(cell_len, texts)])
    return min(widest, max(_LONGEST, column.least))


def placed(text: str, column: Column, width: int) -> str:
    """`text` in exactly `width` columns, of which some characters take two."""
    taken = cell_len(text)
    if taken > width:
        return f"{set_cell_size(text, width - 1)}…" if width else ""
    room = " " * (width - taken)
    return room + text if column.right else text + room
