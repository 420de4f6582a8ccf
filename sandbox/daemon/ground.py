"""Which runtime each service gets, and the networks of those in containers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from sandbox.errors import RuntimeFailure, UsageError
from sandbox.model import Project, Service
from sandbox.paths import ProjectPaths
from sandbox.runtime.choice import Choice, choose
from sandbox.runtime.mixed import MixedDriver
from sandbox.supervisor.wiring import DOCKER, OTLP_NAME, Ground

if TYPE_CHECKING:
    from sandbox.runtime.docker.driver import DockerDriver

_ENGINE_RETURNS_WITHIN = 20.0
"""Seconds that a new supervisor of running containers waits for an engine that is away."""

_POLL = 0.5


def _can_be_process(service: Service) -> bool:
    return service.runtime != DOCKER and all(version.build is not None for version in service.versions)


def _with_layout(choice: Choice, ground: Ground) -> Choice:
    if ground.mesh is None:
        return choice
    where = "in a container" if ground.proxy_in_container else "on the host"
    return Choice(choice.runtime, f"{choice.reason}; Envoy runs {where}: {ground.mesh.layout.reason}")


class Grounds:
    """Prepares the ground for a project; for a changed one, keeps what stays."""

    def __init__(self, paths: ProjectPaths, driver: MixedDriver, say: Callable[[str], None]) -> None:
        self._paths = paths
        self._driver = driver
        self._say = say
        self._stack = AsyncExitStack()
        self.ground: Ground | None = None
        self.docker: DockerDriver | None = None

    async def close(self) -> None:
        await self._stack.aclose()

    async def prepare(self, project: Project, wanted: str) -> tuple[Choice, Ground]:
        """RuntimeFailure when containers are wanted and can't be had; UsageError for what can't change meanwhile."""
        choice = await self._choose(wanted)
        if choice.runtime == DOCKER and wanted == "auto" and self.docker is None:
            choice = await self._unless_images_lack(project, choice)
        runtimes = {name: service.runtime or choice.runtime for name, service in project.services.items()}
        contained = [name for name, runtime in runtimes.items() if runtime == DOCKER]
        if not contained and self.docker is None:
            ground = Ground(runtimes=runtimes)
        else:
            docker = await self._docker()
            self._driver.add(DOCKER, docker)
            names = dict.fromkeys((*project.services, OTLP_NAME), "proxy")
            ground = Ground(runtimes=runtimes, mesh=await docker.configure(project, contained, names))
        if self.ground is not None and self.ground.proxy_in_container != ground.proxy_in_container:
            raise UsageError(
                "the proxy can't move between the host and a container while it runs",
                place="runtime",
                hint="run: sandbox down, then sandbox up",
            )
        self.ground = ground
        return _with_layout(choice, ground), ground

    def is_container(self, service: str) -> bool:
        return self.ground is not None and self.ground.runtime_of(service) == DOCKER

    async def _choose(self, wanted: str) -> Choice:
        """With containers of ours on the machine, an engine that is away for a moment is waited for."""
        if wanted == "auto" and self._paths.docker.is_dir():
            choice = await self._patiently()
            return Choice(choice.runtime, "as before; " + choice.reason)
        return await choose(wanted, os.environ)

    async def _patiently(self) -> Choice:
        deadline = asyncio.get_running_loop().time() + _ENGINE_RETURNS_WITHIN
        while True:
            choice = await choose("auto", os.environ)
            if choice.runtime == DOCKER:
                return choice
            if asyncio.get_running_loop().time() > deadline:
                raise RuntimeFailure(
                    f"its containers need an engine, and {choice.reason.removeprefix('no ')}",
                    place=self._paths.id,
                    hint="start the engine, then: sandbox up; or: sandbox down",
                )
            await asyncio.sleep(_POLL)

    async def _unless_images_lack(self, project: Project, choice: Choice) -> Choice:
        """A laptop without a network, or one behind a registry of its own, should still bring up what processes can."""
        from sandbox.runtime.docker.builds import needed

        if self._paths.docker.is_dir() or not all(_can_be_process(service) for service in project.services.values()):
            return choice
        docker = await self._docker()
        lacking = await docker.lacking(needed(project, os.environ))
        if lacking is None:
            return choice
        await self._stack.aclose()
        self.docker = None
        return Choice(
            "process",
            f"{lacking}; to have containers, load it (docker load), or name another (docker: images: in the file)",
        )

    async def _docker(self) -> DockerDriver:
        """The library takes a while to import, which a project of processes need not wait for. UsageError when the
        user's environment leads to another engine than that of the containers that run."""
        if self.docker is not None and not self.docker.is_of(os.environ):
            raise UsageError(
                "the containers can't move to another engine while they run",
                place="DOCKER_HOST",
                hint="run: sandbox down, then sandbox up",
            )
        if self.docker is None:
            from sandbox.runtime.docker.driver import DockerDriver

            docker = DockerDriver(self._paths, os.environ, self._say)
            await docker.open()
            self._stack.push_async_callback(docker.close)
            self.docker = docker
        return self.docker
