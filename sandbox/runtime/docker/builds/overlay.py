"""The archive of what a container lacks of the newest files."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from sandbox.runtime.docker.builds import names
from sandbox.runtime.docker.builds.base import Item

KEPT = 2
_YOUNG = 60.0
"""Seconds in which a start may still read one that newer ones have replaced."""

_SUFFIX = ".tar"


def write(folder: Path, items: Iterable[Item]) -> Path:
    """Named after what is in it, whatever its files' times. Older ones go. OSError."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        told = [_add(tar, item) for item in items]
    path = folder / f"{names.key_of(told)}{_SUFFIX}"
    _replace(path, packed.getvalue())
    _forget(folder, path)
    return path


def _add(tar: tarfile.TarFile, item: Item) -> object:
    """What tells it from others, as it is now."""
    entry = item.entry
    info = tarfile.TarInfo(item.path.lstrip("/"))
    info.uid, info.gid, info.mode = item.uid, item.gid, stat.S_IMODE(entry.mode)
    info.mtime = entry.path.lstat().st_mtime
    data = b""
    if stat.S_ISLNK(entry.mode):
        info.type, info.linkname = tarfile.SYMTYPE, entry.content
    elif stat.S_ISDIR(entry.mode):
        info.type = tarfile.DIRTYPE
    else:
        data = entry.path.read_bytes()
        info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
    return (item.path, info.uid, info.gid, info.mode, info.type, info.linkname, hashlib.sha256(data).hexdigest())


def _replace(path: Path, data: bytes) -> None:
    """At once, but without waiting for the disk: it is written anew whenever it is asked for."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _forget(folder: Path, newest: Path) -> None:
    times = {path: path.stat().st_mtime for path in folder.glob(f"*{_SUFFIX}")}
    others = sorted(times.keys() - {newest}, key=lambda path: times[path], reverse=True)
    for path in others[KEPT - 1 :]:
        if time.time() - times[path] > _YOUNG:
            path.unlink(missing_ok=True)
