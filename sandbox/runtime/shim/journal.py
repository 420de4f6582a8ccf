"""One process's output on disk: bounded in size and in rate, with the time of every chunk beside it.

`<id>.log` and the older `<id>.log.1` hold the text, each at most half of the limit together with its index. The index
`<log>.idx` is a row of fixed records (`RECORD`): when, at which byte of the log, what, how much. Its first record
names the log's inode, so a reader that opens both during a rotation notices.

A flood is kept in samples: what exceeds `KEEP_RATE` waits in a small tail that newer output overwrites, so that the
newest lines are always kept, whatever came before them. Every byte is counted: written = kept + dropped.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

RECORD = struct.Struct("<dQBQ")
"""Seconds since the epoch, offset in the log, kind, amount."""

LOG, DATA, START, DROPPED, KEPT_BEFORE, DROPPED_BEFORE = range(6)
"""Kinds of record. `amount` is the log's inode, nothing, the process's pid, the number of bytes dropped; and how many
bytes were kept and dropped in all logs before this one, so that a reader knows what it missed."""

KIND_AT = 16
"""Where in a record its kind is."""

KEEP_RATE = 8 * 1024 * 1024
"""Bytes a second, and the size of the first burst."""

TAIL = 64 * 1024
"""Bytes of a flood that wait to be kept."""

LONGEST_LINE = 256 * 1024
"""The rest of a longer line is dropped, or one endless line would push out everything else."""

_SMALLEST = 64 * 1024
RESOLUTION = 0.001
"""Seconds: chunks closer together than this share a record."""
_SET_BACK = 1.0
"""Seconds: a clock that goes back by more was set; by less, two streams came out of turn."""
_LOOK = 1.0
"""Seconds between two looks whether the log is still where people find it."""


class Journal:
    """Never raises for what the disk does: what can't be written is counted as dropped."""

    def __init__(
        self, path: str, limit: int, clock: Callable[[], float] | None = None, last_record: float = 0.0
    ) -> None:
        """`clock` tells when what is fed was written, in seconds since the epoch; now, when there is none.
        `last_record`: of the log that is to go on as if nothing had happened."""
        self._path = path
        self._clock = clock or (lambda: time.time())
        self._half = max(limit, _SMALLEST) // 2
        self._log = self._index = -1
        self._log_size = self._index_size = 0
        self._last_record = last_record
        self._at_line_start = True
        self._line = 0  # bytes kept of the line being written
        self._skipping = False  # until the next line
        self._tail = b""
        self._unreported = 0
        self._kept_before = 0  # in the logs that this one follows
        self._reported = 0  # as dropped, in all of them
        self._allowance = float(KEEP_RATE)
        self._refilled = self._looked = time.monotonic()
        self.written = 0
        self.dropped = 0

    @property
    def flooded(self) -> bool:
        """Whether output waits; `settle` must be called again soon."""
        return bool(self._tail)

    def begin(self, pid: int) -> None:
        """A process starts to write here."""
        with suppress(OSError):
            self._open()
        self._end_line()
        self._record(START, pid)

    def feed(self, chunk: bytes) -> None:
        self.written += len(chunk)
        self._refill()
        if self._tail or len(chunk) > self._allowance:
            self._wait(chunk)
            self.settle()
        else:
            self._keep(chunk)

    def settle(self) -> None:
        """Keep the waiting tail if the rate allows by now."""
        self._refill()
        if self._tail and len(self._tail) <= self._allowance:
            tail, self._tail = self._tail, b""
            self._keep(tail)

    def end(self) -> None:
        """The process wrote its last."""
        tail, self._tail = self._tail, b""
        self._keep(tail)
        self._report_dropped()
        self.close()

    def close(self) -> None:
        for file in (self._log, self._index):
            if file >= 0:
                os.close(file)
        self._log = self._index = -1

    # --- what is kept -------------------------------------------------------------------------------------------

    def _refill(self) -> None:
        now = time.monotonic()
        self._allowance = min(KEEP_RATE, self._allowance + (now - self._refilled) * KEEP_RATE)
        self._refilled = now

    def _wait(self, chunk: bytes) -> None:
        waiting = (self._tail + chunk[-TAIL:])[-TAIL:]
        lost = len(self._tail) + len(chunk) - len(waiting)
        if lost:
            self._drop(lost)
            self._skipping = True
        self._tail = waiting

    def _keep(self, chunk: bytes) -> None:
        self._allowance -= len(chunk)
        chunk = self._without_skipped(chunk)
        if not chunk:
            return
        self._append(chunk)
        newline = chunk.rfind(b"\n")
        self._line = self._line + len(chunk) if newline < 0 else len(chunk) - newline - 1
        self._skipping = self._line > LONGEST_LINE

    def _without_skipped(self, chunk: bytes) -> bytes:
        if not self._skipping:
            return chunk
        newline = chunk.find(b"\n")
        if newline < 0:
            self._drop(len(chunk))
            return b""
        self._drop(newline + 1)
        self._skipping = False
        self._line = 0
        return chunk[newline + 1 :]

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._unreported += count

    # --- the files ----------------------------------------------------------------------------------------------

    def _append(self, chunk: bytes) -> None:
        if len(chunk) > self._half:
            self._drop(len(chunk) - self._half)
            chunk = chunk[-self._half :]
        if self._log < 0:  # what is there already counts
            with suppress(OSError):
                self._open()
        self._mind_removal()
        if self._log_size and self._log_size + self._index_size + len(chunk) > self._half:
            self._rotate()
        if self._unreported:
            self._report_dropped()
        elif not -_SET_BACK < self._clock() - self._last_record < RESOLUTION or not self._log_size:
            self._record(DATA, 0)
        kept = self._write(chunk)
        if kept < len(chunk):
            self._drop(len(chunk) - kept)

    def _report_dropped(self) -> None:
        if self._unreported:
            self._end_line()
            if self._record(DROPPED, self._unreported):
                self._reported += self._unreported
                self._unreported = 0

    def _end_line(self) -> None:
        if not self._at_line_start:
            self._write(b"\n")
            self._line = 0

    def _write(self, data: bytes) -> int:
        try:
            if self._log < 0:
                self._open()
            count = os.write(self._log, data)
        except OSError:
            return 0
        self._log_size += count
        if count:
            self._at_line_start = data[count - 1] == 0x0A
        return count

    def _record(self, kind: int, amount: int) -> bool:
        now = self._clock()
        try:
            if self._index < 0:
                self._open()
            count = os.write(self._index, RECORD.pack(now, self._log_size, kind, amount))
        except OSError:
            return False
        self._index_size += count
        self._last_record = now
        if count != RECORD.size:  # a full disk: take the torn record back
            self._index_size -= count
            with suppress(OSError):
                os.ftruncate(self._index, self._index_size)
        return count == RECORD.size

    def _open(self) -> None:
        if self._log >= 0 and self._index >= 0:
            return
        self.close()
        self._log = _open(self._path)
        self._index = _open(f"{self._path}.idx")
        self._log_size = os.fstat(self._log).st_size
        self._index_size = os.fstat(self._index).st_size // RECORD.size * RECORD.size
        os.ftruncate(self._index, self._index_size)
        if self._index_size:
            index = os.pread(self._index, self._index_size, 0)
            self._kept_before, self._reported = before(index)
            if not self._fits(index):
                os.ftruncate(self._index, 0)
                self._index_size = 0
        self._at_line_start = self._log_size == 0 or os.pread(self._log, 1, self._log_size - 1) == b"\n"
        if not self._index_size:
            self._record(LOG, os.fstat(self._log).st_ino)
            self._record(KEPT_BEFORE, self._kept_before)
            self._record(DROPPED_BEFORE, self._reported)

    def _fits(self, index: bytes) -> bool:
        """Whether it is this log's: somebody may have removed or emptied the log alone."""
        _, _, kind, inode = RECORD.unpack_from(index)
        _, newest, _, _ = RECORD.unpack_from(index, len(index) - RECORD.size)
        return bool(kind == LOG and inode == os.fstat(self._log).st_ino and newest <= self._log_size)

    def _mind_removal(self) -> None:
        """Where the log was removed or emptied by hand, a new one is begun: nobody could read on in the old one."""
        if self._log < 0 or self._refilled - self._looked < _LOOK:
            return
        self._looked = self._refilled
        with suppress(OSError):
            ours = os.fstat(self._log)
            if ours.st_nlink and ours.st_size >= self._log_size:
                return
            self.close()
            self._kept_before += self._log_size
            for path in (self._path, f"{self._path}.idx"):
                with suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108
            self._open()

    def _rotate(self) -> None:
        self.close()
        self._kept_before += self._log_size
        with suppress(OSError):
            os.replace(self._path, f"{self._path}.1")  # noqa: PTH105
        with suppress(OSError):
            os.replace(f"{self._path}.idx", f"{self._path}.1.idx")  # noqa: PTH105
        with suppress(OSError):
            self._open()


def before(index: bytes) -> tuple[int, int]:
    """How many bytes were kept before this log began, and dropped up to its end, as its index tells."""
    kinds = index[KIND_AT :: RECORD.size]
    kept = list(_amounts(index, kinds, KEPT_BEFORE))
    dropped = sum(_amounts(index, kinds, DROPPED_BEFORE)) + sum(_amounts(index, kinds, DROPPED))
    return kept[0] if kept else 0, dropped


def _amounts(index: bytes, kinds: bytes, kind: int) -> Iterator[int]:
    """Of the records of a kind. Searching a million of the kinds takes no time."""
    number = kinds.find(kind)
    while number >= 0:
        yield RECORD.unpack_from(index, number * RECORD.size)[3]
        number = kinds.find(kind, number + 1)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
