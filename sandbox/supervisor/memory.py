"""What outlives the supervisor: ports, wishes and what was started, in one small file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sandbox.errors import SandboxError
from sandbox.files import set_aside, write_atomic
from sandbox.supervisor.desired import VersionKey, Wishes
from sandbox.supervisor.state import InstanceState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    ports: Mapping[str, int] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)  # by "service/version"
    stopped: tuple[str, ...] = ()
    generations: Mapping[str, int] = field(default_factory=dict)
    reloads: Mapping[str, int] = field(default_factory=dict)  # by "service/version"
    instances: tuple[InstanceState, ...] = ()
    otlp_key: str = ""

    def wishes(self) -> Wishes:
        return Wishes(
            replicas=_by_key(self.replicas),
            stopped=frozenset(self.stopped),
            generations=self.generations,
            reloads=_by_key(self.reloads),
        )


def _by_key(counts: Mapping[str, int]) -> dict[VersionKey, int]:
    return {VersionKey(*name.split("/", 1)): count for name, count in counts.items() if "/" in name}


def remember(wishes: Wishes, instances: Iterable[InstanceState], ports: Mapping[str, int], otlp_key: str) -> Memory:
    return Memory(
        ports=ports,
        replicas={str(key): count for key, count in wishes.replicas.items()},
        stopped=tuple(sorted(wishes.stopped)),
        generations=wishes.generations,
        reloads={str(key): count for key, count in wishes.reloads.items()},
        instances=tuple(instances),
        otlp_key=otlp_key,
    )


class MemoryFile:
    """Loads and saves the memory; saves only what changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = b""
        self.notice = ""

    def load(self) -> Memory:
        """What was saved. A damaged file is set aside, said in `notice`, and the memory starts empty."""
        try:
            self._saved = self._path.read_bytes()
            return msgspec.json.decode(self._saved, type=Memory)
        except FileNotFoundError:
            return Memory()
        except (msgspec.DecodeError, OSError) as error:
            aside = set_aside(self._path)
            self.notice = f"{self._path.name} was damaged ({error}) and is now {aside.name}; ports may change"
            log.warning(self.notice)
            return Memory()

    def save(self, memory: Memory) -> None:
        """SandboxError when the disk refuses; the file then holds what it held before."""
        data = msgspec.json.encode(memory)
        if data == self._saved:
            return
        try:
            write_atomic(self._path, data)
        except OSError as error:
            raise SandboxError(
                f"can't be written: {error.strerror}", place=str(self._path), hint="free some disk space"
            ) from error
        self._saved = data
