"""File names in the memory of a process of ours: what it imported, found out without its noticing.

CPython keeps the file name of every module's code as plain bytes that end with NUL. We may read the memory of what
descends from us (ptrace(2), Yama's scope 1), which nobody else may. In a container, the service's
own user reads: there it depends on the kernel's settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

TYPE_CHECKING = False  # `typing` takes a while to import
if TYPE_CHECKING:
    from sandbox.runtime.shim.loop import Loop

MOST_READ = 512 * 1024 * 1024
"""Bytes looked at in all."""

MOST_NAMES = 20_000

_SLICE = 1024 * 1024
_LONGEST_NAME = 400
_PAUSE = 0.001


class Look:
    """Reads a slice at a time, so that the loop serves others meanwhile; `done` hears what was found."""

    def __init__(
        self, loop: Loop, pids: Sequence[int], folders: Sequence[str], done: Callable[[list[str]], None]
    ) -> None:
        self._loop = loop
        self._prefixes = [os.fsencode(folder) + b"/" for folder in folders]
        self._done = done
        self._found: set[bytes] = set()
        self._slices = _slices(pids)
        self._next()

    def _next(self) -> None:
        data = next(self._slices, None)
        if data is None or len(self._found) > MOST_NAMES:
            self._slices.close()
            self._done(sorted(map(os.fsdecode, self._found)))
            return
        for prefix in self._prefixes:
            self._found |= names(data, prefix)
        self._loop.later(_PAUSE, self._next)


def look(pids: Sequence[int], folders: Sequence[str]) -> set[bytes]:
    """File names below the folders, all at once."""
    found: set[bytes] = set()
    for data in _slices(pids):
        for folder in folders:
            found |= names(data, os.fsencode(folder) + b"/")
    return found


def names(data: bytes, prefix: bytes) -> set[bytes]:
    """The rests of file names in `data` that begin with `prefix` and end like a module's."""
    found = set()
    for part in data.split(prefix)[1:]:
        name, end, _ = part[:_LONGEST_NAME].partition(b"\0")
        if end and name.endswith((b".py", b".so")) and name.isascii() and name.decode().isprintable():
            found.add(name)
    return found


def _slices(pids: Sequence[int]) -> Generator[bytes]:
    left = MOST_READ
    for pid in pids:
        with suppress(OSError):
            file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            try:
                for start, end in _regions(pid):
                    for at in range(start, end, _SLICE):
                        if left <= 0:
                            return
                        left -= _SLICE
                        yield _read(file, at, min(_SLICE + _LONGEST_NAME, end - at))
            finally:
                os.close(file)


def _read(file: int, at: int, size: int) -> bytes:
    try:
        return os.pread(file, size, at)
    except OSError:
        return b""


def _regions(pid: int) -> list[tuple[int, int]]:
    """proc_pid_maps(5): what is writable and no file's, where objects live."""
    found = []
    with open(f"/proc/{pid}/maps", "rb") as file:  # noqa: PTH123
        for line in file:
            fields = line.split(maxsplit=5)
            if fields[1].startswith(b"rw") and (len(fields) == 5 or fields[5].startswith((b"[heap]", b"[anon"))):
                start, _, end = fields[0].partition(b"-")
                found.append((int(start, 16), int(end, 16)))
    return found
