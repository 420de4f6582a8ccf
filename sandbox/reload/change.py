"""What the watcher tells: a save, whose it is, and what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Action(StrEnum):
    """Compose's words for `develop.watch`, from the least to the most that is done."""

    SYNC = "sync"  # copy into the containers, nothing restarts
    SYNC_EXEC = "sync+exec"
    SYNC_RESTART = "sync+restart"
    RESTART = "restart"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class Copy:
    """One file to bring into the containers. A source that is gone is to be removed there."""

    source: Path
    target: str  # an absolute path in the container


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What one version has to do. With `rebuild` and `restart` there may be copies too, which come first."""

    action: Action
    copies: tuple[Copy, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()  # run in each container after the copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One save, as far as it concerns one service; or the project's own files, when `service` is None.

    Times are seconds since the epoch.
    """

    service: str | None
    reactions: Mapping[str, Reaction]  # by version; empty for the project's own files
    paths: tuple[Path, ...]  # the first of them, in order; `count` says how many there were
    count: int
    saved: float  # when the first of it was written, as far as that can be told
    seen: float  # when that was noticed
    decided: float

    @property
    def config(self) -> bool:
        """Files that the project is read from: sandbox.yaml, a profile, `.env` or an env_file."""
        return self.service is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something about watching that a person should know, and can do something about."""

    message: str
    hint: str
    service: str | None = None


SHOWN = 20
"""How many paths of one change are named."""
