"""What happened, kept on disk, so that a new supervisor still knows what the old one saw.

One event a line, in two files that are at most `HALF` bytes each: what is being written, and the part before it. A
write reaches the kernel before the event is told, so only a crash of the machine loses the newest.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from sandbox.events import Event

log = logging.getLogger(__name__)

HALF = 1024 * 1024
NEWEST = 1000
"""Events that a new supervisor takes over."""

LONGEST_DETAIL = 4096


class Timeline:
    """Never raises for what the disk does: what can't be written is counted, and told once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._older = path.with_name(f"{path.name}.1")
        self._file = -1
        self._size = 0
        self._forgotten = False
        self._tell: Callable[[str], None] = log.warning
        self._trouble = ""
        self.lost = 0

    def tell_of_trouble(self, tell: Callable[[str], None]) -> None:
        """From now on, and of what was found before."""
        self._tell = tell
        if self._trouble:
            tell(self._trouble)

    def load(self) -> list[Event]:
        """The newest events, oldest first. Lines that can't be read are left out, and said."""
        lines = [line for path in (self._older, self._path) for line in _lines(path)]
        events, damaged = [], 0
        for line in lines[-NEWEST:]:
            try:
                events.append(msgspec.json.decode(line, type=Event))
            except msgspec.DecodeError:
                damaged += 1
        if damaged:
            self._say(f"{damaged} lines of {self._path.name} were damaged; what they told of the past is gone")
        return _ascending(events)

    def keep(self, event: Event) -> None:
        if self._forgotten:
            return
        line = msgspec.json.encode(replace(event, detail=event.detail[-LONGEST_DETAIL:])) + b"\n"
        try:
            self._write(line)
            self._trouble = ""
        except OSError as error:
            self.lost += 1
            self._close()  # the next one begins with a line end
            self._say(f"what happens is not kept on disk: {error.strerror}; free some disk space")

    def forget(self) -> None:
        """The project ends: the next one begins with nothing."""
        self._forgotten = True
        self._close()
        for path in (self._path, self._older):
            path.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        if self._file < 0:
            self._open()
        if self._size + len(line) > HALF:
            self._close()
            self._path.replace(self._older)
            self._open()
        while line:
            written = os.write(self._file, line)
            self._size += written
            line = line[written:]

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._file).st_size
        if self._size:
            self._size += os.write(self._file, b"\n")  # what was there may have been cut off in the middle of a line

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._tell(trouble)


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().splitlines() if line]
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("%s can't be read: %s", path, error)
        return []


def _ascending(events: list[Event]) -> list[Event]:
    """Without those whose number went back, which a file has that was put together by hand."""
    kept: list[Event] = []
    for event in events:
        if not kept or event.sequence > kept[-1].sequence:
            kept.append(event)
    return kept
