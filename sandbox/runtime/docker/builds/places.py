"""Where in an image a file of the context ends up. Pure."""

from __future__ import annotations

import posixpath
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.runtime.docker.builds.ending import ANYTHING, Ending, Step

Modes = Mapping[str, int]
"""What there is in the context: names, and what `lstat` says of them."""

_HARD = re.compile(r"[\[\\]")
"""What Go's patterns and Python's read differently: pkg.go.dev/path/filepath#Match."""


@dataclass(frozen=True, slots=True)
class Place:
    path: str  # absolute
    owner: str  # "uid:gid"


def places(ending: Ending, modes: Modes, name: str) -> tuple[Place, ...] | None:
    """Every one; None when the image must be built to find out."""
    if any(may_take(pattern, name) for pattern in ending.elsewhere) or _by_links(ending, modes):
        return None
    found: list[Place] = []
    for index, step in enumerate(ending.steps):
        path = _led(step, modes, name)
        if path is None:
            continue
        after = ending.steps[index + 1 :]
        if not path or any(_may_touch(later, modes, path, stat.S_ISDIR(modes[name])) for later in after):
            return None
        if not any(_covers(later, modes, path) for later in after):
            found.append(Place(path, step.owner))
    return tuple(found)


def may_take(pattern: str, name: str) -> bool:
    """Whether a source, with wildcards, could be the file or a folder that it lies in."""
    if pattern == ANYTHING:
        return True
    wanted, parts = pattern.split("/"), name.split("/")
    return len(wanted) <= len(parts) and all(map(_may_be, parts, wanted))


def _may_be(part: str, wanted: str) -> bool:
    return bool(_HARD.search(wanted)) or fnmatchcase(part, wanted)


def _led(step: Step, modes: Modes, name: str) -> str | None:
    """Where a step brings the file; None: nowhere; empty: that can't be told."""
    if step.source is None:
        return None
    if step.source == ANYTHING:
        return posixpath.join(step.target, name)
    if name == step.source:
        if not stat.S_ISREG(modes[name]) or step.inside is None:
            return ""
        return posixpath.join(step.target, posixpath.basename(name)) if step.inside else step.target
    below = name.removeprefix(f"{step.source}/")
    return posixpath.join(step.target, below) if below != name else None


def _covers(step: Step, modes: Modes, path: str) -> bool:
    """Whether a step brings another file to this place."""
    if step.source is None:
        return False
    if stat.S_ISREG(modes.get(step.source, 0)):
        return _led(step, modes, step.source) == path
    below = path.removeprefix("/" if step.target == "/" else f"{step.target}/")
    return below != path and posixpath.join(step.source, below) in modes


def _may_touch(step: Step, modes: Modes, path: str, is_folder: bool) -> bool:
    """Whether a step may change what is there, in a way that can't be told."""
    if step.source is None or (step.inside is None and stat.S_ISREG(modes.get(step.source, 0))):
        return overlap(step.target, path)
    return is_folder and is_within(step.target, path)


def overlap(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)


def is_within(path: str, folder: str) -> bool:
    """The folder itself counts."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _by_links(ending: Ending, modes: Modes) -> bool:
    """Whether a source may be, or pass, a symbolic link."""
    links = [name for name, mode in modes.items() if stat.S_ISLNK(mode)]
    sources: Iterable[str] = (*ending.elsewhere, *(step.source for step in ending.steps if step.source is not None))
    return bool(links) and any(_meets(source, link) for source in sources for link in links)


def _meets(source: str, link: str) -> bool:
    wanted, parts = source.split("/"), link.split("/")
    return source != ANYTHING and len(parts) <= len(wanted) and all(map(_may_be, parts, wanted))
