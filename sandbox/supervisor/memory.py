"""What outlives the supervisor: ports, wishes and what was started, in one small file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sandbox.errors import SandboxError
from sandbox.files import set_aside, write_atomic
from sandbox.supervisor.state import InstanceState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Replicas are by "service/version"."""

    ports: Mapping[str, int] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()
    instances: tuple[InstanceState, ...] = ()
    envoy_pid: int | None = None


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
