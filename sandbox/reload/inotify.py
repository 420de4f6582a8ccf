"""Linux's own watch for changes, inotify(7): who waits for it sleeps, where watchfiles looks 200 times a second."""

from __future__ import annotations

import ctypes
import os
import posixpath
import select
import struct
import time
from collections.abc import Iterator

STEP = 0.005
"""Seconds without news after which there is a hint."""

LONGEST = 0.05
"""Seconds after which news that do not stop are handed on."""

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x02, 0x04, 0x08
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_MASK = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC

_HEAD = struct.Struct("iIII")
"""Of an event: its watch, what happened, a cookie, and the length of the name that follows, filled up with zeros."""

_CHUNK = 256 * 1024


class Inotify:
    """A watch of so many folders, each without what lies deeper. OSError when the system refuses one.

    `news` is for one thread, which calls `close` when it is done; `end` is for another one, once.
    """

    def __init__(self, folders: list[str]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._paths: dict[int, list[str]] = {}  # by watch: a folder may have several
        self._file = self._checked(self._libc.inotify_init1(_FLAGS), "")
        self._ending, self._end = os.pipe()
        try:
            for folder in folders:
                self._add(folder)
        except OSError:
            self.end()
            self.close()
            raise
        self._poll = select.poll()
        for file in (self._file, self._ending):
            self._poll.register(file, select.POLLIN)

    def news(self) -> set[str] | None:
        """Paths where something happened: waits for them. None when it is to end."""
        while self._happens(None):
            if found := self._burst():
                return found
        return None

    def end(self) -> None:
        os.close(self._end)

    def close(self) -> None:
        os.close(self._file)
        os.close(self._ending)

    def _add(self, folder: str) -> None:
        watch = self._checked(self._libc.inotify_add_watch(self._file, os.fsencode(folder), _MASK), folder)
        self._paths.setdefault(watch, []).append(folder)

    def _checked(self, result: int, place: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), place)
        return result

    def _happens(self, seconds: float | None) -> bool:
        """Within so many seconds, and it is not to end."""
        ready = dict(self._poll.poll(None if seconds is None else seconds * 1000))
        return bool(ready) and self._ending not in ready

    def _burst(self) -> set[str]:
        """What happens now, until nothing does for a moment."""
        until = time.monotonic() + LONGEST
        found = self._read()
        while (left := until - time.monotonic()) > 0 and self._happens(min(STEP, left)):
            found |= self._read()
        return found

    def _read(self) -> set[str]:
        found: set[str] = set()
        for watch, what, name in _events(os.read(self._file, _CHUNK)):
            if what & _OVERFLOW:  # the kernel kept no more of them
                found.update(path for paths in self._paths.values() for path in paths)
            elif not what & _IGNORED:
                found.update(posixpath.join(path, name) if name else path for path in self._paths.get(watch, ()))
        return found


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Watch, what happened, and the name in the folder; none where it is the folder itself."""
    at = 0
    while at < len(data):
        watch, what, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size + length
        yield watch, what, os.fsdecode(data[at - length : at].rstrip(b"\0"))
