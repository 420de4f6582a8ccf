"""The logs of instances for people: the newest lines, a stretch of time, following, and several merged by time.

Everything is read in blocks, so memory stays small whatever the size of the logs, and follows the logs across the
rotation that the shim does.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice, takewhile
from pathlib import Path

from sandbox.control import LogCounts, LogLine, LogQuery
from sandbox.runtime.logformat import Recogniser
from sandbox.runtime.logquery import Wanted
from sandbox.runtime.logsegment import Cursor, Line, Segment, size_text
from sandbox.runtime.logtext import clean

POLL = 0.1
"""Seconds between looks at logs that are followed."""

Sources = Callable[[], Mapping[str, str]]
"""Instance id → service, as it is now; asked again while following, so that new instances are followed too."""

_BUDGET = 1024 * 1024  # bytes read of one log before others have their turn
_BREATH = 256  # lines after which the event loop gets a turn
_WINDOW = 4096  # lines that are looked through first for the newest that fit


def last_lines(path: Path, count: int, since: float = 0.0) -> list[str]:
    """The newest `count` lines of a log, oldest first, without those older than `since` (seconds since the epoch);
    empty when there are none."""
    with _opened(path, "", "") as log:
        starts = list(takewhile(lambda found: found[0] >= since, islice(log.newest_first(), count)))
        if starts:
            log.seek(*starts[-1][1:])
        return [line.text for line in log.rest()][-count:] if starts else []


async def merge(logs: Path, sources: Sources, query: LogQuery) -> AsyncIterator[LogLine]:
    """The lines that `query` asks for, of all its instances, by time. UsageError when it can't be asked."""
    wanted = Wanted(query)
    with ExitStack() as stack:
        merged = _Merged(logs, sources, query, stack)
        async for line in _kept(merged, wanted, query.tail):
            yield line
        while query.follow and (query.until is None or time.time() <= query.until):
            busy = False
            async for line in _breathing(merged.new()):
                busy = True
                if wanted.fits(line):
                    yield line
            await asyncio.sleep(0 if busy and merged.behind else POLL)


async def _kept(merged: _Merged, wanted: Wanted, tail: int | None) -> AsyncIterator[LogLine]:
    """What is in the logs now."""
    if tail and wanted.is_picky:
        for line in await _newest(merged, wanted, tail):
            yield line
        return
    async for line in _breathing(merged.kept(tail)):
        if wanted.fits(line):
            yield line


async def _newest(merged: _Merged, wanted: Wanted, count: int) -> Iterable[LogLine]:
    """The newest lines that are wanted. How far back they go only reading tells: ever farther, from there on."""
    window = max(4 * count, _WINDOW)
    while True:
        found: deque[LogLine] = deque(maxlen=count)
        seen = 0
        async for line in _breathing(merged.kept(window)):
            seen += 1
            if wanted.fits(line):
                found.append(line)
        if len(found) == count or seen < window:
            return found
        window *= 8


async def _breathing(lines: Iterable[LogLine]) -> AsyncIterator[LogLine]:
    """Everybody else has a turn now and then, whether the lines are wanted or not."""
    for number, line in enumerate(lines, 1):
        yield line
        if number % _BREATH == 0:
            await asyncio.sleep(0)


def log_counts(path: Path, service: str) -> LogCounts | None:
    """What became of all that an instance wrote; None when there is no log."""
    segments = _open_both(path)
    try:
        if not segments:
            return None
        kept, dropped = segments[-1].counted()
        held = sum(segment.size for segment in segments)
        return LogCounts(service=service, instance=path.stem, written=kept + dropped, dropped=dropped, held=held)
    finally:
        for segment in segments:
            segment.close()


class LogFile:
    """The log of one instance: the file in use and the one before it, read from a position on."""

    def __init__(self, path: Path, instance: str, service: str) -> None:
        self._path = path
        self._instance = instance
        self._service = service
        self._segments = _open_both(path)  # oldest first
        self._missed = 0  # bytes that were kept and are gone before they were read
        self._read_with([Cursor(segment) for segment in self._segments])

    def _read_with(self, cursors: list[Cursor]) -> None:
        self._cursors = cursors
        self._recogniser = Recogniser()

    def close(self) -> None:
        for segment in self._segments:
            segment.close()

    def newest_first(self) -> Iterator[tuple[float, int, int]]:
        """Of every line, the time and the position as `seek` takes it."""
        for number in reversed(range(len(self._segments))):
            segment = self._segments[number]
            for offset in segment.newest_first():
                yield segment.time_at(offset), number, offset

    def seek(self, number: int, offset: int) -> None:
        """Read on from there."""
        self._read_with([Cursor(self._segments[number], offset), *map(Cursor, self._segments[number + 1 :])])

    def seek_time(self, at: float) -> None:
        """Read on from shortly before that time."""
        for number, segment in enumerate(self._segments):
            offset = segment.since(at)
            if offset < segment.size or number == len(self._segments) - 1:
                self.seek(number, offset)
                return

    def seek_end(self) -> None:
        """Read on with what is still to come."""
        self._read_with([Cursor(segment, _whole_lines(segment)) for segment in self._segments[-1:]])

    def rest(self) -> Iterator[LogLine]:
        """All lines from here to the end, an unfinished last one included."""
        for cursor in self._cursors:
            while True:
                yield from map(self._readable, cursor.lines(_BUDGET, final=True))
                if cursor.exhausted:
                    break

    def new(self) -> Iterator[LogLine]:
        """The complete lines that came since the last look; a limited amount at a time (`behind` tells)."""
        while len(self._cursors) > 1 and self._cursors[0].exhausted:
            self._cursors.pop(0)
        if not self._cursors:
            self._reopen(0)
        if self._missed:
            yield self._told(f"[{size_text(self._missed)} went by unread: this reader was too slow]")
            self._missed = 0
        for cursor in self._cursors[:1]:
            replaced = len(self._cursors) > 1 or _inode(self._path) != cursor.segment.inode
            yield from map(self._readable, cursor.lines(_BUDGET, final=replaced))
            if replaced and cursor.exhausted and len(self._cursors) == 1:
                self._reopen(cursor.segment.end)

    @property
    def behind(self) -> bool:
        return any(not cursor.exhausted for cursor in self._cursors)

    def _reopen(self, end: int | None) -> None:
        """Read on with what follows: another log may have come and gone meanwhile, or more of them than are kept.

        end: how many bytes were kept up to where reading ended.
        """
        known = {segment.inode for segment in self._segments}
        fresh = []
        for segment in _open_both(self._path):
            if segment.inode in known:
                segment.close()
            else:
                fresh.append(segment)
        if not fresh:
            return
        self.close()
        self._segments = fresh
        self._read_with([Cursor(segment) for segment in fresh])
        begin = fresh[0].begin
        self._missed = max(begin - end, 0) if begin is not None and end is not None else 0

    def _told(self, text: str) -> LogLine:
        """Before what is read next."""
        at = self._cursors[0].segment.time_at(0)
        return LogLine(at=at, service=self._service, instance=self._instance, text=text, truncated=True)

    def _readable(self, line: Line) -> LogLine:
        text = clean(line.text)
        found = self._recogniser.read(text)
        return LogLine(
            at=line.at,
            service=self._service,
            instance=self._instance,
            text=text,
            truncated=line.truncated,
            level=found.level,
            trace=found.trace,
            message=found.message,
            fields=found.fields,
        )


class _Merged:
    """The logs of a query, open together."""

    def __init__(self, logs: Path, sources: Sources, query: LogQuery, stack: ExitStack) -> None:
        self._logs = logs
        self._sources = sources
        self._query = query
        self._stack = stack
        self._files: dict[str, LogFile] = {}
        self._open_new()

    def kept(self, tail: int | None) -> Iterator[LogLine]:
        """What the logs hold now, or the newest lines of it that are in time; may be asked again."""
        return filter(self._in_time, heapq.merge(*(log.rest() for log in self._seek(tail)), key=_time))

    def new(self) -> list[LogLine]:
        """What came since."""
        self._open_new()
        return sorted((line for log in self._files.values() for line in log.new()), key=_time)

    @property
    def behind(self) -> bool:
        return any(log.behind for log in self._files.values())

    def _open_new(self) -> None:
        services, instances = self._query.services, self._query.instances
        for instance, service in self._sources().items():
            if instance in self._files or (services and service not in services):
                continue
            if not instances or instance in instances:
                self._files[instance] = log = LogFile(self._logs / f"{instance}.log", instance, service)
                self._stack.callback(log.close)

    def _seek(self, tail: int | None) -> list[LogFile]:
        """Puts every log where reading begins; those that have something to read."""
        if tail is not None:
            return self._seek_tail(tail)
        if self._query.since is not None:
            for log in self._files.values():
                log.seek_time(self._query.since)
        return list(self._files.values())

    def _seek_tail(self, count: int) -> list[LogFile]:
        """Two passes, so that only positions are held: find the oldest wanted line of each log, then read on."""
        for log in self._files.values():
            log.seek_end()
        positions = heapq.merge(*(self._positions(log) for log in self._files.values()), key=lambda found: -found[0])
        oldest = {id(log): (log, number, offset) for _, log, number, offset in islice(positions, count)}
        for log, number, offset in oldest.values():
            log.seek(number, offset)
        return [log for log, _, _ in oldest.values()]

    def _positions(self, log: LogFile) -> Iterator[tuple[float, LogFile, int, int]]:
        since, until = self._query.since, self._query.until
        for at, number, offset in log.newest_first():
            if since is not None and at < since:
                return
            if until is None or at <= until:
                yield at, log, number, offset

    def _in_time(self, line: LogLine) -> bool:
        since, until = self._query.since, self._query.until
        return (since is None or line.at >= since) and (until is None or line.at <= until)


def _time(line: LogLine) -> float:
    return line.at


@contextmanager
def _opened(path: Path, instance: str, service: str) -> Iterator[LogFile]:
    log = LogFile(path, instance, service)
    try:
        yield log
    finally:
        log.close()


def _open_both(path: Path) -> list[Segment]:
    """The older file, if there is one, and the one in use."""
    for _ in range(5):
        newer, older = Segment.open(path), Segment.open(path.with_name(f"{path.name}.1"))
        found = [segment for segment in (older, newer) if segment is not None]
        if len({segment.inode for segment in found}) == len(found):
            return found
        for segment in found:  # a rotation came between the two
            segment.close()
    return []


def _whole_lines(segment: Segment) -> int:
    """Where the unfinished last line begins, or the end."""
    size = segment.size
    if not size or segment.read(size - 1, 1) == b"\n":
        return size
    return next(segment.newest_first())


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
