"""A project as it was understood the last time, where nothing of what was read has changed since: what understands the
file takes a while to import, and `sandbox up` waits for it.

What is kept is for the same version of us, the same question, the same variables and the same files, those that were
looked for in vain among them.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sandbox
from sandbox.config.stamps import Stamp, Stamps, settled, stamp, unchanged
from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.paths import make_private

KEPT = 20
"""Projects that are remembered."""

_OF_THE_SHELL = frozenset({"_"})
"""What a shell changes with every command."""


@dataclass(frozen=True, slots=True)
class Read:
    """stamps: of all that it was read from."""

    project: Project
    stamps: Stamps


def recall_or_load(
    folder: Path,
    files: Sequence[Path],
    *,
    profiles: Sequence[str] = (),
    environment: Mapping[str, str],
    project: str | None = None,
) -> Read:
    """As `loader.load`. folder: private to the user, for what is remembered."""
    asked = (sandbox.__version__, _ourselves(), os.getcwd(), [*map(str, files)], [*profiles], project)  # noqa: PTH109
    variables = sorted((name, value) for name, value in environment.items() if name not in _OF_THE_SHELL)
    place = folder / hashlib.sha256(repr((asked, variables)).encode("utf-8", "surrogateescape")).hexdigest()
    if (known := _recalled(place)) is not None:
        return known
    from sandbox.config.loader import load

    stamps: dict[Path, Stamp] = {}
    began = time.time()
    found = load(
        files,
        profiles=profiles,
        environment=environment,
        project=project,
        look=lambda file: stamps.setdefault(file, stamp(file)),
    )
    read = Read(found, stamps)
    if settled(stamps, began):
        _remember(place, read)
    return read


def _recalled(place: Path) -> Read | None:
    try:
        read = pickle.loads(place.read_bytes())
    except Exception:  # a damaged pickle may raise anything, and all of it means the same
        return None
    return read if isinstance(read, Read) and unchanged(read.stamps) else None


def _remember(place: Path, read: Read) -> None:
    with suppress(OSError, SandboxError):  # then it is read anew the next time
        make_private(place.parent)
        write_atomic(place, pickle.dumps(read))
        kept = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[KEPT:]:
            path.unlink(missing_ok=True)


def _ourselves() -> list[tuple[str, int]]:
    """Changes with our own sources, which a version in development does more often than its number."""
    package = Path(sandbox.__file__).parent
    try:
        return [
            (path, os.stat(path).st_mtime_ns)  # noqa: PTH116  a hundred of them
            for part in ("model", "config")
            for folder, _, names in os.walk(package / part)
            for path in sorted(f"{folder}/{name}" for name in names if name.endswith(".py"))
        ]
    except OSError:
        return []
