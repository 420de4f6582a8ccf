"""What outlives the supervisor: ports, wishes and what was started, in one small file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from sandbox.errors import SandboxError
from sandbox.files import set_aside, write_atomic
from sandbox.supervisor.desired import VersionKey, Wishes
from sandbox.supervisor.state import InstanceState

log = logging.getLogger(__name__)

LATER = 0.02
"""Seconds until what can wait is saved: a disk may take as long as a step of a rollout."""


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


class Recorder:
    """Saves what changed: at once what nobody could find out again, such as whose the processes are that run, and the
    rest a moment later. `failed` hears of each time that the disk refused. Needs a running event loop."""

    def __init__(self, file: MemoryFile, failed: Callable[[SandboxError], None]) -> None:
        self._file = file
        self._failed = failed
        self._newest: Memory | None = None
        self._lasting: Memory | None = None
        self._processes: frozenset[tuple[object, ...]] = frozenset()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, memory: Memory) -> None:
        self._newest = memory
        if _lasting(memory) != self._lasting or not _processes(memory) <= self._processes:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATER, self.flush)

    def flush(self) -> None:
        """Save what is still to be saved."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._newest is None:
            return
        memory, self._newest = self._newest, None
        self._lasting, self._processes = _lasting(memory), _processes(memory)
        try:
            self._file.save(memory)
        except SandboxError as error:
            self._failed(error)


def _lasting(memory: Memory) -> Memory:
    """Without what a look at the instances, or at the files that were saved, tells a new supervisor."""
    return replace(memory, instances=(), reloads={})


def _processes(memory: Memory) -> frozenset[tuple[object, ...]]:
    return frozenset((one.id, one.pid, one.container) for one in memory.instances if one.pid is not None)
