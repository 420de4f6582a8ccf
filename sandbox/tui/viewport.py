"""Which part of a log is in sight. Pure.

A line takes one row, or as many as its text needs where it is wrapped; only the lines in sight are ever measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size

from sandbox.tui.logview import LogView


class Seen(NamedTuple):
    """A row: the number of its line, and which of that line's rows it is."""

    number: int
    part: int


def breaks(text: str, room: int) -> list[int]:
    """The characters at which the rows begin into which a text is broken; a wide one takes two of the `room` cells."""
    if cell_len(text) == len(text):
        return list(range(0, len(text), room)) or [0]
    found, used = [0], 0
    for index, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > room:
            found.append(index)
            used = get_character_cell_size(character)
    return found


def in_sight(view: LogView, top: int, height: int, rows: Callable[[int], int]) -> list[Seen]:
    """At most `height` rows, from the line with number `top` on, or from where the cursor is still in sight.

    While following: the last ones. rows: how many a line needs, by its number.
    """
    if not len(view) or height <= 0:
        return []
    if view.following:
        return _up_to(view, len(view) - 1, height, rows)
    first, cursor = view.index(top), view.index(view.cursor)
    found = _down_from(view, min(first, cursor), height, rows)
    if len(found) < height:  # what there is above is seen too
        return _up_to(view, len(view) - 1, height, rows)
    last = found[-1]
    if cursor <= first or last.number > view.cursor or last == Seen(view.cursor, rows(view.cursor) - 1):
        return found
    return _up_to(view, cursor, height, rows)


class Thumb(NamedTuple):
    """The part of a scroll bar that stands for what is in sight: its first row, and how many it has."""

    top: int
    size: int


def thumb(view: LogView, seen: Sequence[Seen], height: int) -> Thumb | None:
    """By lines, not by rows, since only the lines in sight are ever measured. None where all is in sight."""
    shown = view.index(seen[-1].number) - view.index(seen[0].number) + 1 if seen else 0
    if shown >= len(view):
        return None
    size = max(1, round(height * shown / len(view)))
    if view.following:
        return Thumb(height - size, size)
    first = view.index(seen[0].number)
    return Thumb(round((height - size) * first / (len(view) - shown)), size)


def at_thumb(view: LogView, row: int, height: int) -> int:
    """The number of the line that a row of the scroll bar stands for; the last row stands for the newest."""
    share = min(max(row / max(1, height - 1), 0.0), 1.0)
    return view.number(round((len(view) - 1) * share))


def _down_from(view: LogView, index: int, height: int, rows: Callable[[int], int]) -> list[Seen]:
    found: list[Seen] = []
    while len(found) < height and index < len(view):
        number = view.number(index)
        found += [Seen(number, part) for part in range(rows(number))]
        index += 1
    return found[:height]


def _up_to(view: LogView, index: int, height: int, rows: Callable[[int], int]) -> list[Seen]:
    found: list[Seen] = []
    while len(found) < height and index >= 0:
        number = view.number(index)
        found[:0] = [Seen(number, part) for part in range(rows(number))]
        index -= 1
    return found[-height:]
