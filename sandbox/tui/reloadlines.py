"""Reloads among the lines of a service's log, where they happened. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from sandbox.control import LogLine
from sandbox.events import Event

_GOOD, _BAD, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
_NAME = "sandbox"
"""Stands where others have the name of their instance."""


class ReloadLines:
    """Of one service, each once."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._shown: set[tuple[float, int]] = set()

    def new(self, events: Iterable[Event]) -> list[LogLine]:
        """Those that were not shown yet."""
        return [_line(event) for event in self._unshown(events, 0.0)]

    def among(self, lines: Sequence[LogLine], events: Iterable[Event]) -> list[LogLine]:
        """The lines, which are in the order of their time, with what was not shown yet since the first of them."""
        since = lines[0].at if lines else float("inf")
        found = [_line(event) for event in self._unshown(events, since)]
        return list(heapq.merge(lines, found, key=lambda line: line.at))

    def _unshown(self, events: Iterable[Event], since: float) -> list[Event]:
        found = [event for event in events if event.reload and event.service == self._service and event.at >= since]
        fresh = [event for event in found if (event.at, event.sequence) not in self._shown]
        self._shown |= {(event.at, event.sequence) for event in fresh}
        return fresh


def _line(event: Event) -> LogLine:
    colour, symbol = (_BAD, "✗") if event.reload and event.reload.error else (_GOOD, "↻")
    text = f"{colour}{symbol} {event.message}{_PLAIN}"
    return LogLine(at=event.at, service=event.service or "", instance=_NAME, text=text)
