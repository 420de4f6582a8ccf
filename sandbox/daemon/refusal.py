"""Why a supervisor could not begin, handed to the command that waits for it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.paths import ProjectPaths


class Refusal(SandboxError):
    """The supervisor ended with this error before it served anything."""


class _Words(msgspec.Struct, frozen=True):
    message: str
    place: str
    hint: str


def refuse(paths: ProjectPaths, error: SandboxError) -> None:
    with suppress(OSError):  # the log has it, too
        write_atomic(_file(paths), msgspec.json.encode(_Words(error.message, error.place, error.hint)))


def refusal(paths: ProjectPaths) -> Refusal | None:
    """None while there is none, or one that can't be read."""
    try:
        words = msgspec.json.decode(_file(paths).read_bytes(), type=_Words)
    except (OSError, msgspec.DecodeError):
        return None
    return Refusal(words.message, place=words.place, hint=words.hint)


def forget_refusal(paths: ProjectPaths) -> None:
    _file(paths).unlink(missing_ok=True)


def _file(paths: ProjectPaths) -> Path:
    return paths.run / "refusal.json"
