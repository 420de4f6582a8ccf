"""The process runtime: every instance is a process of the user's machine, kept by the shim."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sandbox.control import ExecSpec
from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, Exit, InstanceSpec, Output, Running, Usage, Workload
from sandbox.runtime.buildpack import Buildpack
from sandbox.runtime.client import ShimClient, ShimLost, ShimRefusal
from sandbox.runtime.expand import expand
from sandbox.runtime.procusage import Trees
from sandbox.runtime.zygote.keeper import Zygotes
from sandbox.tasks import Tasks

_LOOPBACK = "127.0.0.1"

_HINTS = {
    "ENOENT": "check the spelling, or install it",
    "EACCES": "make it executable: chmod +x",
    "ENOEXEC": "begin the script with a line like #!/usr/bin/env python3",
    "EAGAIN": "the system has no room for more processes: see ulimit -u",
    "EMFILE": "the system has no room for more open files: see ulimit -n",
    "E2BIG": "the environment is too large: shorten it",
}

_MISSING = {
    "node": "install Node.js: https://nodejs.org",
    "npm": "install Node.js: https://nodejs.org",
    "pip": "name the packages in requirements.txt; they are installed before the service starts",
}
_PYTHON_SERVERS = ("uvicorn", "gunicorn", "hypercorn", "flask", "fastapi", "waitress-serve", "granian")


class ProcessDriver:
    """Keeps the contract of `base.Driver`. The shim must run (`launch`)."""

    name = "process"

    def __init__(self, paths: ProjectPaths, host: Mapping[str, str] | None = None) -> None:
        """`host` is the user's environment; ours by default."""
        self._paths = paths
        self._client: ShimClient | None = None
        self._buildpack = Buildpack(paths, os.environ if host is None else host)
        self._places: dict[str, tuple[str, Mapping[str, str]]] = {}  # folder and environment by instance
        self._zygotes = Zygotes()
        self._trees = Trees()
        self._tasks = Tasks()

    async def open(self) -> None:
        """NotRunningError when the shim does not answer."""
        self._client = await ShimClient.connect(self._paths.shim_socket)
        await self._client.subscribe("service")
        await self._zygotes.open(self._client)
        for kept in await self._client.list(environment=True):
            if kept.role == "service" and kept.cwd is not None and kept.env is not None:
                self._places[kept.id] = (kept.cwd, kept.env)

    async def close(self) -> None:
        await self._tasks.close()
        await self._zygotes.close()
        if self._client is not None:
            await self._client.close()

    async def clear(self) -> None:
        """The shim takes everything with it."""

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        return await self._buildpack.prepare(workload, output)

    async def start(self, spec: InstanceSpec) -> Running:
        starting: asyncio.Task[Running] = self._tasks.spawn(self._start(spec), name=f"start {spec.id}")
        try:
            running = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._tasks.spawn(self._undo(starting, spec.id), name=f"undo the start of {spec.id}")
            raise
        self._places[spec.id] = (str(spec.artifact.cwd), dict(spec.environment))
        self._zygotes.started(spec, running.pid, _argv(spec))
        return replace(running, host=self._host(spec.id))

    async def stop(self, instance: str, grace: float) -> None:
        await self._shim.stop(instance, grace)
        self._zygotes.ended(instance)
        self._places.pop(instance, None)

    async def running(self) -> tuple[Running, ...]:
        return tuple(
            Running(
                id=kept.id,
                pid=kept.pid,
                container=None,
                started_at=kept.started_at,
                host=self._host(kept.id),
                start=kept.start,
            )
            for kept in await self._shim.list()
            if kept.role == "service" and kept.state == "running"
        )

    async def usage(self) -> tuple[Usage, ...]:
        roots = {one.id: one.pid for one in await self.running() if one.pid is not None}
        return await asyncio.to_thread(self._trees.usage, roots)

    async def exits(self) -> AsyncIterator[Exit]:
        """Raises ShimLost when the shim is gone."""
        async for exit in self._shim.subscription("service"):
            self._places.pop(exit.id, None)
            self._zygotes.ended(exit.id)
            yield exit

    async def run(self, instance: str, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        try:
            return await self._shim.run(argv, timeout, within=instance)
        except ShimRefusal as refusal:
            raise _explained(refusal, instance) from None

    async def copy(self, instance: str, archive: bytes, gone: Sequence[str] = ()) -> None:
        """Nothing: a process reads the very files that were saved."""

    def exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        cwd, environment = self._places[instance]
        return ExecSpec(argv=tuple(argv), cwd=cwd, environment=environment)

    def _host(self, instance: str) -> str:
        """The address it was told to listen on."""
        _, environment = self._places.get(instance, ("", {}))
        return environment.get("HOST", _LOOPBACK)

    @property
    def _shim(self) -> ShimClient:
        if self._client is None:
            raise RuntimeFailure("the process runtime is not open", hint="call open first")
        return self._client

    async def _start(self, spec: InstanceSpec) -> Running:
        """Warm where that is possible and the same as cold."""
        argv = _argv(spec)
        try:
            if (running := await self._zygotes.fork(spec, argv, self._log(spec.id))) is not None:
                return running
            return await self._shim.start(
                spec.id,
                argv,
                cwd=spec.artifact.cwd,
                env=spec.environment,
                log=self._log(spec.id),
                log_max_bytes=spec.log_max_bytes,
            )
        except ShimRefusal as refusal:
            raise _explained(refusal, spec.id, spec.artifact.argv[0]) from None
        except ShimLost:
            raise
        except RuntimeFailure:  # it has not answered, and may start it still
            self._tasks.spawn(self._shim.stop(spec.id, 0.0), name=f"undo the late start of {spec.id}")
            raise

    async def _undo(self, starting: asyncio.Task[Running], instance: str) -> None:
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await self._shim.stop(instance, 0.0)

    def _log(self, instance: str) -> Path:
        return self._paths.logs / f"{instance}.log"


def _argv(spec: InstanceSpec) -> list[str]:
    return [expand(word, spec.environment) for word in spec.artifact.argv]


def _explained(refusal: ShimRefusal, instance: str, program: str = "") -> RuntimeFailure:
    return RuntimeFailure(refusal.message, place=instance, hint=_hint(refusal.errno_name, program))


def _hint(errno_name: str, program: str) -> str:
    if errno_name != "ENOENT":
        return _HINTS.get(errno_name, "")
    if program in _PYTHON_SERVERS:
        return f"add {program} to requirements.txt"
    return _MISSING.get(program, _HINTS["ENOENT"])
