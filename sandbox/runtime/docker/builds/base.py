"""An image and what it was made from, and which files are newer than it. Pure."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.model import Mount, MountKind
from sandbox.runtime.docker.builds.context import DOCKERFILE, Context, Entry
from sandbox.runtime.docker.builds.ending import Ending
from sandbox.runtime.docker.builds.places import is_within, places

MOST_FILES = 500
MOST_BYTES = 4 * 1024 * 1024
"""More than that is better built once than put into every container."""

_UNSENT = frozenset({DOCKERFILE, ".dockerignore"})
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
"""Builds clear these bits, or don't, depending on the owner."""

_ENGINES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev", "/proc", "/sys")
_OWNERS = ("/etc/passwd", "/etc/group")
"""By which --chown is understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    key: str  # of all that it was made from, but for the contents of files
    image: str  # its id
    digest: str  # of the context
    files: Mapping[str, tuple[int, int, str]]  # by name: mode, bytes, and content as in `Entry`
    ending: Ending
    volumes: tuple[str, ...]  # the image's own


@dataclass(frozen=True, slots=True)
class Item:
    """One file, folder or link that a container gets beside its image."""

    path: str  # absolute
    entry: Entry
    uid: int
    gid: int


def files_of(context: Context) -> dict[str, tuple[int, int, str]]:
    return {entry.name: (entry.mode, entry.size, entry.content) for entry in _sent(context)}


def newer(base: Base, context: Context, mounts: Iterable[Mount]) -> tuple[Item, ...] | None:
    """What a container of the image lacks, by path; None when only a build can tell."""
    changed = _changed(base.files, context)
    if changed is None or len(changed) > MOST_FILES or sum(entry.size for entry in changed) > MOST_BYTES:
        return None
    found: list[Item] = []
    modes = {entry.name: entry.mode for entry in _sent(context)}
    covers = dict.fromkeys(base.volumes, MountKind.VOLUME) | {one.target: one.kind for one in mounts}
    for entry in changed:
        items = _items(base.ending, modes, covers, entry)
        if items is None:
            return None
        found += items
    return tuple(sorted(found, key=lambda item: item.path))


def _sent(context: Context) -> Iterator[Entry]:
    return (entry for entry in context.entries if entry.name not in _UNSENT)


def _changed(before: Mapping[str, tuple[int, int, str]], context: Context) -> list[Entry] | None:
    """None when something is gone, or is no longer what it was."""
    now = {entry.name: entry for entry in _sent(context)}
    if before.keys() - now.keys():
        return None
    changed = [entry for name, entry in now.items() if before.get(name) != (entry.mode, entry.size, entry.content)]
    return changed if all(_can_be_added(before, now, entry) for entry in changed) else None


def _can_be_added(before: Mapping[str, tuple[int, int, str]], now: Mapping[str, Entry], entry: Entry) -> bool:
    known = before.get(entry.name)
    if known is not None and (stat.S_IFMT(known[0]) != stat.S_IFMT(entry.mode) or stat.S_ISDIR(entry.mode)):
        return False
    if entry.mode & _SPECIAL and not stat.S_ISLNK(entry.mode):
        return False
    folder = entry.name.rpartition("/")[0]
    return known is not None or not folder or folder in now


def _items(
    ending: Ending, modes: Mapping[str, int], covers: Mapping[str, MountKind], entry: Entry
) -> list[Item] | None:
    wanted = places(ending, modes, entry.name)
    if wanted is None:
        return None
    found: list[Item] = []
    for place in wanted:
        if any(is_within(place.path, path) for path in (*_ENGINES, *_OWNERS)):
            return None
        cover = max((target for target in covers if is_within(place.path, target)), key=len, default=None)
        if cover is None:
            uid, _, gid = place.owner.partition(":")
            found.append(Item(place.path, entry, int(uid), int(gid)))
        elif covers[cover] is MountKind.VOLUME:
            return None  # a new one is filled from the image
    return found
