"""The output of preparing a version: the newest lines in memory, for the message when it fails; all of it handed on."""

from __future__ import annotations

from collections import deque

from sandbox.runtime.base import Output


class BuildLog:
    """Keeps the last `limit` lines and counts the rest. `onward` takes them all."""

    def __init__(self, onward: Output, limit: int = 200) -> None:
        self._onward = onward
        self._lines: deque[str] = deque(maxlen=limit)
        self.dropped = 0

    def add(self, line: str) -> None:
        if len(self._lines) == self._lines.maxlen:
            self.dropped += 1
        self._lines.append(line)
        self._onward(line)

    def tail(self, count: int) -> str:
        return "\n".join(list(self._lines)[-count:])
