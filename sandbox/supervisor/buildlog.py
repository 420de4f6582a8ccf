"""The output of preparing a version: the newest lines in memory, for the message when it fails."""

from __future__ import annotations

from collections import deque


class BuildLog:
    """Keeps the last `limit` lines and counts the rest."""

    def __init__(self, limit: int = 200) -> None:
        self._lines: deque[str] = deque(maxlen=limit)
        self.dropped = 0

    def add(self, line: str) -> None:
        if len(self._lines) == self._lines.maxlen:
            self.dropped += 1
        self._lines.append(line)

    def tail(self, count: int) -> str:
        return "\n".join(list(self._lines)[-count:])
