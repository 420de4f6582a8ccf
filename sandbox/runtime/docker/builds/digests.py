"""What files contain, read again only where the file system says that they changed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

_BLOCK = 1024 * 1024
_MOST = 200_000
"""Files that are remembered."""

_RACY = 50_000_000
"""Nanoseconds in which a file may change twice under one time of modification: some ticks of the kernel's clock."""

_Stamp = tuple[int, int, int, int]


class Digests:
    """May be used by several threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, str]] = {}

    def of(self, path: Path) -> tuple[int, str]:
        """Bytes of a regular file, and the SHA-256 of what it contains. OSError."""
        stamp = _stamp(path.stat())
        known = self._known.get(str(path))
        if known is not None and known[0] == stamp:
            return stamp[2], known[1]
        return self._read(path)

    def _read(self, path: Path) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        began = time.time_ns()
        with path.open("rb") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
        if size == stamp[2] and began - max(stamp[:2]) > _RACY:
            self._remember(str(path), stamp, digest.hexdigest())
        return size, digest.hexdigest()

    def _remember(self, path: str, stamp: _Stamp, digest: str) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[path] = (stamp, digest)


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
