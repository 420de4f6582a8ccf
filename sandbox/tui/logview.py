"""A bounded stretch of log lines, and where the reader stands in it. Pure.

Lines are numbered from the beginning of the stream, so that a place stays the same place while old lines go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from sandbox.control import LogLine

MOST_LINES = 2000


class LogView:
    """Follows the newest line until the reader moves up; moving to the end follows again.

    first: the number of the oldest line kept. cursor: the number of the line that the reader stands on.
    """

    def __init__(self, most: int = MOST_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=most)
        self.first = 0
        self.cursor = 0
        self.following = True
        self._seen = 0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def end(self) -> int:
        """The number that the next line will get."""
        return self.first + len(self._lines)

    @property
    def unseen(self) -> int:
        """Lines that came since the reader stopped following."""
        return 0 if self.following else self.end - self._seen

    def line(self, number: int) -> LogLine | None:
        index = number - self.first
        return self._lines[index] if 0 <= index < len(self._lines) else None

    def extend(self, lines: Iterable[LogLine]) -> int:
        """Add new lines; returns how many old ones went."""
        before = self.first
        for line in lines:
            self.first += len(self._lines) == self._lines.maxlen
            self._lines.append(line)
        self._settle()
        return self.first - before

    def clear(self) -> None:
        self.first = self.end
        self._lines.clear()
        self.follow()

    def move(self, by: int) -> None:
        target = self.cursor + by
        if target >= self.end - 1:
            self.follow()
            return
        if self.following:
            self._seen = self.end
        self.following = False
        self.cursor = target
        self._settle()

    def follow(self) -> None:
        self.following = True
        self._settle()

    def _settle(self) -> None:
        newest = max(self.first, self.end - 1)
        self.cursor = newest if self.following else min(max(self.cursor, self.first), newest)
