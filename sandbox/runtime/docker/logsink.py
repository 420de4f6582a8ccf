"""What the engine tells of a container's output, byte for byte into a log file, wherever the last writer was cut off.

The log's index has the time of every stretch of output. The engine tells a container's output with times, from any time
on, so the end of the index and the bytes after it say what is still missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf, nextafter
from pathlib import Path

from sandbox.runtime.docker.ends import moment
from sandbox.runtime.shim.journal import DATA, DROPPED, RECORD, RESOLUTION, START, Journal

_MARGIN = 0.001
"""Seconds that messages are read again: a time on its way to the engine and back is not exact."""

_ENOUGH = 4
"""Records at the end of an index that may matter."""


@dataclass(frozen=True, slots=True)
class Position:
    """How much of a container's output is kept already: what comes before `begins`, and `kept` bytes of what follows
    from there, all of it from before the next record was due. Seconds since the epoch."""

    at: float  # of the last record
    begins: float
    kept: int


_NOTHING = Position(at=0.0, begins=0.0, kept=0)


class Sink:
    """Writes messages of the engine into a log, leaving out what the log has already."""

    def __init__(self, path: Path, limit: int, known: Position | None) -> None:
        self._known = known or _NOTHING
        self._at = self._known.at  # never goes back, as the times of two streams do
        self._journal = Journal(str(path), limit, clock=lambda: self._at, last_record=self._at)
        self._behind = True
        self._newest = -1.0  # what came since the first message of the newest time: this many bytes
        self._since_newest = 0

    def begin(self, pid: int, at: float) -> None:
        self._at = at
        self._journal.begin(pid)

    def resume(self) -> None:
        """The engine begins again."""
        if self._newest >= 0:
            self._known = Position(at=self._newest, begins=self._newest, kept=self._since_newest)
            self._newest, self._since_newest = -1.0, 0
        self._behind = True

    @property
    def since(self) -> str | None:
        """From when on messages are wanted."""
        return f"{self._known.begins - _MARGIN:.9f}" if self._known.begins > 0 else None

    def take(self, message: bytes) -> None:
        stamp, _, text = message.partition(b" ")
        at = moment(stamp.decode("ascii", "replace")) or 0.0
        self._behind = self._behind and at < self._known.begins
        if self._behind:
            return
        if at > self._newest:
            self._newest, self._since_newest = at, 0
        self._since_newest += len(text)
        if new := self._without_known(text, at):
            self._at = max(self._at, at)
            self._journal.feed(new)

    def _without_known(self, text: bytes, at: float) -> bytes:
        if at - self._known.at >= RESOLUTION:
            return text
        known = min(len(text), self._known.kept)
        self._known = replace(self._known, kept=self._known.kept - known)
        return text[known:]

    @property
    def waits(self) -> bool:
        """Whether output of a flood waits: `settle` must be called again soon."""
        return self._journal.flooded

    def settle(self) -> None:
        self._journal.settle()

    def end(self) -> None:
        self._journal.end()


def position(path: Path, started_at: float) -> Position | None:
    """Where the log of a container ends that started then. None when nothing of it is kept."""
    before, size = _size(Path(f"{path}.1")), _size(path)
    records = [*_last_records(Path(f"{path}.1.idx"), 0), *_last_records(Path(f"{path}.idx"), before)]
    if not records or records[-1].at < started_at:
        return None
    first = last = records[-1]
    if last.kind == DROPPED:
        return Position(at=last.at, begins=nextafter(last.at, inf), kept=0)
    for earlier in reversed(records):  # a record that came early begins a new file, in the middle of a time
        if first.at - earlier.at >= RESOLUTION or earlier.kind == DROPPED:
            break
        first = earlier
    begins = 0.0 if first.kind == START else first.at
    return Position(at=last.at, begins=begins, kept=max(0, before + size - first.offset))


@dataclass(frozen=True, slots=True)
class _Record:
    at: float
    offset: int
    kind: int


def _last_records(index: Path, base: int) -> Iterator[_Record]:
    """`base` is where the log of this index begins."""
    with suppress(OSError), index.open("rb") as file:
        whole = _size(index) // RECORD.size
        file.seek(max(0, whole - _ENOUGH) * RECORD.size)
        data = file.read(min(whole, _ENOUGH) * RECORD.size)
        for at, offset, kind, _ in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]):
            if kind in (DATA, START, DROPPED):
                yield _Record(at, base + offset, kind)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
