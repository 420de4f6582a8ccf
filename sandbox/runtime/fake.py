"""A driver without processes, that does what its script says. For tests of everything above runtimes.

A `FakeHost` stands for the machine: it outlives the drivers that are opened on it, as the shim does. `Behaviour` says
what a service or an instance does; `calls` records what was asked, in order.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import tarfile
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM

from sandbox.control import ExecSpec
from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Artifact, Exit, InstanceSpec, Output, Running, Usage, Workload

_LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Behaviour:
    """Of one service, or of one instance where its id is given."""

    prepare_error: RuntimeFailure | None = None
    prepare_gate: asyncio.Event | None = None  # preparing waits for it
    prepare_output: tuple[str, ...] = ()
    start_error: RuntimeFailure | None = None
    start_gate: asyncio.Event | None = None
    exits_with: int | None = None  # ends by itself as soon as it runs
    ignores_sigterm: bool = False
    stop_gate: asyncio.Event | None = None
    copy_error: RuntimeFailure | None = None
    run_gate: asyncio.Event | None = None
    commands: Mapping[tuple[str, ...], tuple[int, str] | Exception] = field(default_factory=dict)


class FakeHost:
    """What runs, and what ended unheard."""

    def __init__(self) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.calls: list[str] = []
        self.seconds = 0.0  # of CPU, one more each time somebody asks
        self.running: dict[str, Running] = {}
        self.specs: dict[str, InstanceSpec] = {}
        self._pids = itertools.count(1001)
        self._exits: deque[Exit] = deque(maxlen=1000)
        self._ended = asyncio.Event()

    def behaviour(self, service: str, instance: str = "") -> Behaviour:
        return self.behaviours.get(instance) or self.behaviours.get(service) or Behaviour()

    def start(self, spec: InstanceSpec) -> Running:
        container = f"container-of-{spec.id}" if spec.workload.runtime == "docker" else None
        running = Running(id=spec.id, pid=next(self._pids), container=container, started_at=time.time(), host=_LOOPBACK)
        self.running[spec.id], self.specs[spec.id] = running, spec
        return running

    def end(
        self, instance: str, *, code: int | None = None, signal: int | None = None, reason: str | None = None
    ) -> None:
        """Let an instance end. KeyError when it does not run."""
        running = self.running.pop(instance)
        self._exits.append(Exit(id=instance, pid=running.pid, code=code, signal=signal, at=time.time(), reason=reason))
        self._ended.set()

    async def next_exit(self) -> Exit:
        """The oldest one that nobody has heard of."""
        while not self._exits:
            self._ended.clear()
            await self._ended.wait()
        return self._exits.popleft()


class FakeDriver:
    """Keeps the contract of `base.Driver`."""

    name = "fake"

    def __init__(self, host: FakeHost | None = None) -> None:
        self.host = host or FakeHost()

    async def open(self) -> None:
        self.host.calls.append("open")

    async def close(self) -> None:
        self.host.calls.append("close")

    async def clear(self) -> None:
        self.host.calls.append("clear")

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        self.host.calls.append(f"prepare {workload.service}")
        behaviour = self.host.behaviour(workload.service)
        await _pass(behaviour.prepare_gate)
        for line in behaviour.prepare_output:
            output(line)
        if behaviour.prepare_error is not None:
            raise behaviour.prepare_error
        version = workload.version
        argv = version.command or ("run", workload.service)
        context = version.build.context if version.build else Path("/")
        return Artifact(fingerprint=f"{context}:{argv}", argv=argv, cwd=context, image=version.image, origin="fake")

    async def start(self, spec: InstanceSpec) -> Running:
        self.host.calls.append(f"start {spec.id}")
        behaviour = self.host.behaviour(spec.service, spec.id)
        await _pass(behaviour.start_gate)
        if behaviour.start_error is not None:
            raise behaviour.start_error
        if spec.id in self.host.running:
            raise RuntimeFailure(f"{spec.id} is already running", place=spec.id)
        running = self.host.start(spec)
        if behaviour.exits_with is not None:
            self.host.end(spec.id, code=behaviour.exits_with)
        return running

    async def stop(self, instance: str, grace: float) -> None:
        self.host.calls.append(f"stop {instance}")
        if instance not in self.host.running:
            return
        behaviour = self.host.behaviour(self.host.specs[instance].service, instance)
        await _pass(behaviour.stop_gate)
        if instance in self.host.running:
            self.host.end(instance, signal=SIGKILL if behaviour.ignores_sigterm else SIGTERM)

    async def running(self) -> tuple[Running, ...]:
        return tuple(self.host.running.values())

    async def usage(self) -> tuple[Usage, ...]:
        self.host.seconds += 1
        return tuple(
            Usage(id=id, cpu_seconds=self.host.seconds, memory=1 << 20, memory_limit=None, open_files=3)
            for id in self.host.running
        )

    async def exits(self) -> AsyncIterator[Exit]:
        while True:
            yield await self.host.next_exit()

    async def run(self, instance: str, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        self.host.calls.append(f"run {instance} {' '.join(argv)}")
        if instance not in self.host.running:
            raise RuntimeFailure(f"{instance} is not running", place=instance)
        behaviour = self.host.behaviour(self.host.specs[instance].service, instance)
        await _pass(behaviour.run_gate)
        answer = behaviour.commands.get(tuple(argv), (0, ""))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def copy(self, instance: str, archive: bytes, gone: Sequence[str] = ()) -> None:
        self.host.calls.append(" ".join(("copy", instance, *_names(archive), *(f"-{path}" for path in gone))))
        if instance not in self.host.running:
            raise RuntimeFailure(f"{instance} is not running", place=instance)
        if (error := self.host.behaviour(self.host.specs[instance].service, instance).copy_error) is not None:
            raise error

    def exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        if instance not in self.host.running:
            raise KeyError(instance)
        spec = self.host.specs[instance]
        return ExecSpec(argv=tuple(argv), cwd=str(spec.artifact.cwd), environment=dict(spec.environment))


def _names(archive: bytes) -> list[str]:
    if not archive:
        return []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return [f"/{name}" for name in tar.getnames()]


async def _pass(gate: asyncio.Event | None) -> None:
    if gate is not None:
        await gate.wait()
