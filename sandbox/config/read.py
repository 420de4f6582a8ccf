"""Reading a configuration file: bounded, UTF-8, and named the way a person would."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.config.tree import Problems
from sandbox.errors import Location

MAX_BYTES = 1024 * 1024


def read(path: Path, problems: Problems) -> str | None:
    """The text of a file. None, with the reason in `problems`, when it can't be used."""
    name = shown(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        problems.add(Location(name), f"can't be read: {_reason(error)}", "check the path")
        return None
    if len(data) > MAX_BYTES:
        problems.add(Location(name), "is larger than 1 MiB", "split it, and pass the parts with -f")
        return None
    return _decode(name, data, problems)


def shown(path: Path) -> str:
    """The path relative to the current folder when it is inside, as editors and terminals make it clickable."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _decode(name: str, data: bytes, problems: Problems) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        location = Location(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.add(location, "is not UTF-8 text", "save the file as UTF-8")
        return None


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def under(root: Path, text: str) -> Path:
    """A path as written in a file of the folder `root`. `~` is the home folder, and no more than a name in `./~x`."""
    return root / os.path.expanduser(text)  # noqa: PTH111  Path drops the ./ that makes the difference
