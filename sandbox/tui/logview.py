"""A bounded stretch of log lines, those of them that are wanted, and where the reader stands in it. Pure.

Lines are numbered from the beginning of the stream, so that a place stays the same place while old lines go, and
while others are wanted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator

from sandbox.control import LogLine
from sandbox.tui.logfilter import EVERYTHING, LogFilter

MOST_LINES = 2000


class LogView:
    """Follows the newest line until the reader moves up; moving to the end follows again.

    first: the number of the oldest line kept. cursor: the number of the line that the reader stands on.
    """

    def __init__(self, most: int = MOST_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=most)
        self._wanted: deque[int] = deque()  # numbers, ascending; unused while everything is wanted
        self.filter = EVERYTHING
        self.first = 0
        self.cursor = 0
        self.following = True
        self._seen = 0

    def __len__(self) -> int:
        """How many lines are wanted."""
        return len(self._lines) if self.filter.is_everything else len(self._wanted)

    @property
    def kept(self) -> int:
        """How many lines there are, wanted or not."""
        return len(self._lines)

    @property
    def end(self) -> int:
        """The number that the next line will get."""
        return self.first + len(self._lines)

    @property
    def unseen(self) -> int:
        """Wanted lines that came since the reader stopped following."""
        return 0 if self.following else len(self) - self.index(self._seen)

    def line(self, number: int) -> LogLine | None:
        index = number - self.first
        return self._lines[index] if 0 <= index < len(self._lines) else None

    def number(self, index: int) -> int:
        """Of the wanted line at this place, counted from the oldest one."""
        return self.first + index if self.filter.is_everything else self._wanted[index]

    def index(self, number: int) -> int:
        """The place of the first wanted line that is not before this one."""
        if self.filter.is_everything:
            return min(max(number - self.first, 0), len(self._lines))
        return bisect_left(self._wanted, number)

    def between(self, first: int, last: int) -> Iterator[LogLine]:
        """The wanted lines from one number to another, both included."""
        for index in range(self.index(first), self.index(last + 1)):
            if line := self.line(self.number(index)):
                yield line

    # --- what changes -------------------------------------------------------------------------------------------

    def extend(self, lines: Iterable[LogLine]) -> int:
        """Add new lines; returns how many old ones went."""
        before = self.first
        for line in lines:
            self.first += len(self._lines) == self._lines.maxlen
            self._lines.append(line)
            if not self.filter.is_everything and self.filter.wants(line):
                self._wanted.append(self.end - 1)
        while self._wanted and self._wanted[0] < self.first:
            self._wanted.popleft()
        self._settle()
        return self.first - before

    def want(self, wanted: LogFilter) -> None:
        """The reader stays at the line, or at the nearest one that is wanted."""
        self.filter = wanted
        self._wanted.clear()
        if not wanted.is_everything:
            first = self.first
            self._wanted.extend(first + index for index, line in enumerate(self._lines) if wanted.wants(line))
        self._settle()

    def clear(self) -> None:
        self.first = self.end
        self._lines.clear()
        self._wanted.clear()
        self.follow()

    def move(self, by: int) -> None:
        target = self.index(self.cursor) + by
        if not len(self) or target >= len(self) - 1:
            self.follow()
            return
        self.pause()
        self.cursor = self.number(max(0, target))

    def go(self, number: int) -> None:
        """To that line, or the nearest wanted one."""
        self.move(self.index(number) - self.index(self.cursor))

    def pause(self) -> None:
        """Stay here, whatever comes."""
        if self.following:
            self._seen = self.end
        self.following = False

    def follow(self) -> None:
        self.following = True
        self._settle()

    def _settle(self) -> None:
        if not len(self):
            self.cursor = self.first
            return
        index = len(self) - 1 if self.following else min(self.index(self.cursor), len(self) - 1)
        self.cursor = self.number(index)
