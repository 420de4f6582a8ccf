"""Whether files are still what they were when they were read, by what the file system says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Stamp = tuple[int, int, int, int, int] | None
"""When the inode and the content changed last, in nanoseconds, device, inode and size; None without the file. A file
that is moved there keeps the time of its content, but not that of its inode."""

Stamps = Mapping[Path, Stamp]

_COARSEST_CLOCK = 2.0
"""Seconds by which file systems may round the time of a change."""


def stamp(file: Path) -> Stamp:
    """To be taken before the file is read: what changes meanwhile is then another one the next time."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ctime_ns, found.st_mtime_ns, found.st_dev, found.st_ino, found.st_size


def unchanged(stamps: Stamps) -> bool:
    return all(stamp(file) == before for file, before in stamps.items())


def settled(stamps: Stamps, now: float) -> bool:
    """Whether none was saved so shortly before `now`, in seconds since the epoch, that a second save may have come
    under the same times."""
    newest = max((max(found[:2]) for found in stamps.values() if found is not None), default=0)
    return newest / 1e9 < now - _COARSEST_CLOCK
