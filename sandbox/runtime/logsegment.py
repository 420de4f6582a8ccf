"""One log file with its index, as the shim's journal writes them: reading on from an offset, and backwards."""

from __future__ import annotations

import mmap
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.runtime.shim.journal import DROPPED, KEPT_BEFORE, LOG, RECORD, before

LONGEST_LINE = 16 * 1024
"""Bytes of a line that are shown; the rest is cut off."""

_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    at: float  # seconds since the epoch
    text: bytes  # LONGEST_LINE at most
    truncated: bool = False


class Index:
    """When each chunk arrived. Grows while it is read; a torn last record is not seen."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._map: mmap.mmap | None = None
        self._count = 0
        self.refresh()

    def refresh(self) -> None:
        size = os.fstat(self._file).st_size
        if size // RECORD.size == self._count:
            return
        self.close()
        self._map = mmap.mmap(self._file, size, prot=mmap.PROT_READ)
        self._count = size // RECORD.size

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> tuple[float, int, int, int]:
        """Time, offset, kind, amount."""
        if self._map is None or not 0 <= number < self._count:
            raise IndexError(number)
        at, offset, kind, amount = RECORD.unpack_from(self._map, number * RECORD.size)
        return at, offset, kind, amount

    def last_at_offset(self, offset: int) -> int:
        """The number of the last record not beyond `offset`; -1 when there is none."""
        return bisect_right(range(self._count), offset, key=lambda number: self[number][1]) - 1

    def last_before(self, at: float) -> int:
        """The number of the last record older than or at that time; -1 when there is none."""
        return bisect_right(range(self._count), at, key=lambda number: self[number][0]) - 1

    @property
    def kept_before(self) -> int | None:
        """Bytes in the logs before the one it belongs to."""
        for number in range(min(self._count, 3)):
            _, _, kind, amount = self[number]
            if kind == KEPT_BEFORE:
                return amount
        return None

    @property
    def inode(self) -> int | None:
        """Of the log it belongs to."""
        if not self._count or self[0][2] != LOG:
            return None
        return self[0][3]


class Segment:
    """An open log file. It keeps its contents when it is rotated or removed."""

    def __init__(self, log: int, index: int | None) -> None:
        self._log = log
        self._index_file = index
        self.index = Index(index) if index is not None else None
        self.inode = os.fstat(log).st_ino
        self.begin = self.index.kept_before if self.index is not None else None
        """How many bytes the logs before it kept, of the same instance; None when it is not known."""

    @classmethod
    def open(cls, path: Path) -> Segment | None:
        """None when there is no such file. Without a fitting index, all lines have the file's time."""
        for _ in range(5):  # a rotation may come between the two
            try:
                segment = cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC), _open(path.with_name(f"{path.name}.idx")))
            except FileNotFoundError:
                return None
            if segment.index is None or segment.index.inode in (segment.inode, None):
                break
            segment.close()
        else:
            return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC), None) if path.exists() else None
        return segment

    def close(self) -> None:
        if self.index is not None:
            self.index.close()
        for file in (self._log, self._index_file):
            if file is not None:
                os.close(file)

    @property
    def size(self) -> int:
        return os.fstat(self._log).st_size

    @property
    def end(self) -> int | None:
        """How many bytes were kept up to its end; None when it is not known."""
        return None if self.begin is None else self.begin + self.size

    def counted(self) -> tuple[int, int]:
        """Bytes kept and dropped of all that the instance wrote up to here, what is no longer there included."""
        if self._index_file is None:
            return self.size, 0
        size = os.fstat(self._index_file).st_size
        kept, dropped = before(os.pread(self._index_file, size, 0))
        return kept + self.size, dropped

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self._log, count, offset)

    def time_at(self, offset: int) -> float:
        """When the byte at this offset arrived."""
        if self.index is not None and (number := self.index.last_at_offset(offset)) >= 0:
            return self.index[number][0]
        return os.fstat(self._log).st_mtime

    def since(self, at: float) -> int:
        """An offset not after the first line that arrived at `at` or later."""
        if self.index is None:
            return 0
        number = self.index.last_before(at)
        return self._line_start(self.index[number][1]) if number >= 0 else 0

    def newest_first(self) -> Iterator[int]:
        """The offsets of its lines, from the last to the first."""
        size = self.size
        if not size:
            return
        end = size - 1 if self.read(size - 1, 1) == b"\n" else size
        while end > 0:
            begin = max(0, end - _BLOCK)
            block = self.read(begin, end - begin)
            newline = len(block)
            while (newline := block.rfind(b"\n", 0, newline)) >= 0:
                yield begin + newline + 1
            end = begin
        yield 0

    def _line_start(self, offset: int) -> int:
        end = offset
        while end > 0:
            begin = max(0, end - _BLOCK)
            newline = self.read(begin, end - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            end = begin
        return 0


class Cursor:
    """Reads a segment's lines from an offset, which must begin a line, and can go on when the file has grown."""

    def __init__(self, segment: Segment, offset: int = 0) -> None:
        self.segment = segment
        self._next = offset  # to be read from the file
        self._start = offset  # of the unfinished line
        self._rest = b""  # its first bytes
        self._length = 0  # of all of it so far
        self._record = segment.index.last_at_offset(offset - 1) if segment.index is not None else -1

    def lines(self, budget: int, *, final: bool = False) -> Iterator[Line]:
        """The lines that are complete, from up to about `budget` bytes; with `final`, an unfinished last one too.

        The iterator must be used up before the next call.
        """
        if self.segment.index is not None:
            self.segment.index.refresh()
        end = self._next + budget
        while self._next < end and (block := self.segment.read(self._next, min(_BLOCK, end - self._next))):
            self._next += len(block)
            yield from self._split(block)
        if final and self._next >= self.segment.size:
            yield from self._finish()

    @property
    def exhausted(self) -> bool:
        return self._next >= self.segment.size

    def _split(self, block: bytes) -> Iterator[Line]:
        *complete, rest = block.split(b"\n")
        for piece in complete:
            yield from self._line(piece)
        self._rest += rest[: LONGEST_LINE - len(self._rest)]
        self._length += len(rest)

    def _line(self, piece: bytes) -> Iterator[Line]:
        yield from self._dropped_before(self._start)
        length = self._length + len(piece)
        yield Line(self._time(), (self._rest + piece)[:LONGEST_LINE], length > LONGEST_LINE)
        self._start += length + 1
        self._rest, self._length = b"", 0

    def _finish(self) -> Iterator[Line]:
        if self._length:
            yield from self._line(b"")
            self._start -= 1  # there was no line end
        yield from self._dropped_before(self.segment.size)

    def _dropped_before(self, offset: int) -> Iterator[Line]:
        """Moves on to the record of `offset` and says what was dropped on the way."""
        index = self.segment.index
        while index is not None and self._record + 1 < len(index) and index[self._record + 1][1] <= offset:
            self._record += 1
            at, _, kind, amount = index[self._record]
            if kind == DROPPED:
                yield Line(at, f"[{size_text(amount)} of output not kept]".encode(), truncated=True)

    def _time(self) -> float:
        index = self.segment.index
        if index is not None and self._record >= 0:
            return index[self._record][0]
        return self.segment.time_at(self._start)


def _open(path: Path) -> int | None:
    with suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


def size_text(count: int) -> str:
    if count < 1024:
        return f"{count} bytes"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 1024 / 1024:.1f} MiB"
