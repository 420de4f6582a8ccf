"""The contract between the supervisor and a runtime."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sandbox.control import ExecSpec
from sandbox.model import Mount, Port, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One version of one service, to be made ready to run."""

    service: str
    version: Version
    ports: tuple[Port, ...]
    runtime: str = "process"  # process | docker
    warm: bool = True  # may be started by forking a process that has imported its libraries
    auto: bool = False  # runs under OpenTelemetry's own instrumentation, where there is one for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A prepared workload. Two artifacts with the same fingerprint run the same thing."""

    fingerprint: str
    argv: tuple[str, ...]  # empty: the image's own
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)  # what the runtime adds, such as PATH and VIRTUAL_ENV
    image: str | None = None  # the image's id
    mounts: tuple[Mount, ...] = ()  # what the runtime adds (docker)
    overlay: Path | None = None  # a tar archive of files, by their paths from the root, that are newer than the image
    origin: str = ""  # where the command came from, for people: "command", "Procfile", "app.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSpec:
    """All that is needed to start one instance."""

    id: str  # "steamer-v1-1", unique in the project; its log is <logs>/<id>.log
    index: int  # from 1, within the version
    workload: Workload
    artifact: Artifact
    environment: Mapping[str, str]  # complete, PORT and the callees' addresses included
    log_max_bytes: int
    names: tuple[str, ...] = ()  # host names that must lead to the proxy (docker)

    @property
    def service(self) -> str:
        return self.workload.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    id: str
    pid: int | None
    container: str | None
    started_at: float  # seconds since the epoch
    host: str  # the address at which the proxy reaches it
    start: str = "cold"  # cold | warm: forked from a process that had imported its libraries


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """An instance ended, asked to or not. Exactly one of `code` and `signal` is set."""

    id: str
    pid: int | None
    code: int | None
    signal: int | None
    at: float
    reason: str | None = None  # what is known beyond code and signal: "out of memory"

    def describe(self) -> str:
        """In plain words: "exit code 1", "killed by signal 9 (SIGKILL)"."""
        import signal as signals

        if self.signal is not None:
            try:
                name = f" ({signals.Signals(self.signal).name})"
            except ValueError:
                name = ""
            text = f"killed by signal {self.signal}{name}"
        else:
            text = f"exit code {self.code}"
        return f"{text}, {self.reason}" if self.reason else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an instance uses of the machine, with all that it started. None: it can't be found out here."""

    id: str
    cpu_seconds: float  # since its start; falls when a process ends that another one took over
    memory: int  # bytes; what processes share counts in each of them
    memory_limit: int | None  # that the runtime enforces
    open_files: int | None


Output = Callable[[str], None]
"""Takes one line of a build's output."""


class Driver(Protocol):
    """Runs instances. Methods raise RuntimeFailure with a reason and a hint; cancelling one leaves nothing half done.

    Instances outlive the driver object: after `close`, a new driver's `running` finds them again.
    """

    name: str  # process | docker | fake

    async def open(self) -> None:
        """Connect to what runs the instances."""

    async def close(self) -> None:
        """Let go of everything but the instances."""

    async def clear(self) -> None:
        """Remove what the runtime keeps for the project on this machine. Nothing of it runs any more."""

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        """Detect, install, build. Quick when nothing changed since the last time."""
        ...

    async def start(self, spec: InstanceSpec) -> Running:
        """Start it and return as soon as it runs, ready or not. RuntimeFailure when the command can't be started."""
        ...

    async def stop(self, instance: str, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds, for it and all its descendants. Unknown ids are no error."""
        ...

    async def running(self) -> tuple[Running, ...]:
        """Every instance of this project that runs now, whoever started it."""
        ...

    async def usage(self) -> tuple[Usage, ...]:
        """Of the instances that run now; what can't be measured is left out."""
        ...

    def exits(self) -> AsyncIterator[Exit]:
        """Every end of an instance since `open`, once each, in order. One consumer."""
        ...

    async def run(self, instance: str, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        """Run a command inside an instance, for health checks: exit code and the last 4 KiB of output.

        Raises TimeoutError when it takes longer (it is killed then), RuntimeFailure when it can't start.
        """
        ...

    async def copy(self, instance: str, archive: bytes, gone: Sequence[str] = ()) -> None:
        """Unpack a tar archive of saved files, by their paths from the root, over what a running instance sees as its
        own files, and remove the paths that are gone; an empty archive is none. An instance that reads the machine's
        own files, such as a process, has them: nothing is done. RuntimeFailure.
        """
        ...

    def exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        """How a client runs a command inside an instance itself. KeyError for an unknown instance."""
        ...
