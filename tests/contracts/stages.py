"""Where the driver contract is played: the same parts for every driver, in the words each one understands."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import ClassVar

from sandbox.control import ExecSpec
from sandbox.errors import RuntimeFailure
from sandbox.model import Build, DockerSettings, Healthcheck, NoProbe, Project, Service, Settings, Version
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, Driver, InstanceSpec, Workload
from sandbox.runtime.docker.driver import DockerDriver
from sandbox.runtime.fake import Behaviour, FakeDriver, FakeHost
from sandbox.runtime.process import ProcessDriver
from tests.runtime.home import SHELL_ENVIRONMENT, until

SLEEPS = "sleeps"
IGNORES_SIGTERM = "ignores SIGTERM"
EXITS_3 = "exits with 3"
CANNOT_START = "can't start"

SAYS_HELLO = ("sh", "-c", "echo hello; exit 4")
HANGS = ("sh", "-c", "sleep 30")
_PATH = SHELL_ENVIRONMENT["PATH"] + ":/usr/local/bin:/usr/bin:/bin"

MISSING = ("no-such-program-anywhere",)


class Stage(ABC):
    host_range = IPv4Network("127.0.0.1/32")
    """Where instances are found."""

    @abstractmethod
    async def open(self) -> Driver:
        """Another driver of the same project, ready for use."""

    @abstractmethod
    def play(self, part: str, instance: str) -> InstanceSpec: ...

    async def until_ready(self, driver: Driver, instance: str) -> None:
        """Until an instance that plays IGNORES_SIGTERM does so."""
        return

    async def clear(self) -> None:
        """Leave the machine as it was."""
        return

    async def said_by(self, spec: ExecSpec) -> str:
        """What a client hears that runs the command itself."""
        process = await asyncio.create_subprocess_exec(
            *spec.argv,
            cwd=spec.cwd,
            env=spec.environment,
            stdout=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )
        output, _ = await process.communicate()
        return output.decode()


class FakeStage(Stage):
    def __init__(self) -> None:
        self.host = FakeHost()

    async def open(self) -> Driver:
        driver = FakeDriver(self.host)
        await driver.open()
        return driver

    def play(self, part: str, instance: str) -> InstanceSpec:
        self.host.behaviours[instance] = Behaviour(
            exits_with=3 if part == EXITS_3 else None,
            ignores_sigterm=part == IGNORES_SIGTERM,
            start_error=RuntimeFailure("no such file", place=instance, hint="install it")
            if part == CANNOT_START
            else None,
            commands={
                SAYS_HELLO: (4, "hello\n"),
                HANGS: TimeoutError("took too long"),
                MISSING: RuntimeFailure("no such file", hint="install it"),
            },
        )
        return _spec(instance, (part,), Path("/"))


class ProcessStage(Stage):
    _SCRIPTS: ClassVar = {
        SLEEPS: "exec sleep 60",
        IGNORES_SIGTERM: "trap '' TERM; touch ready; while :; do sleep 0.05; done",
        EXITS_3: "exit 3",
    }

    def __init__(self, paths: ProjectPaths, folder: Path) -> None:
        self.paths = paths
        self.folder = folder

    async def open(self) -> Driver:
        driver = ProcessDriver(self.paths)
        await driver.open()
        return driver

    def play(self, part: str, instance: str) -> InstanceSpec:
        argv = MISSING if part == CANNOT_START else ("sh", "-c", self._SCRIPTS[part])
        return _spec(instance, argv, self.folder)

    async def until_ready(self, driver: Driver, instance: str) -> None:
        await until((self.folder / "ready").exists)


class DockerStage(Stage):
    """A project with one service, whose instances need no build."""

    _SCRIPTS: ClassVar = {
        **ProcessStage._SCRIPTS,
        IGNORES_SIGTERM: "trap '' TERM; touch /tmp/ready; while :; do sleep 0.05; done",
    }

    def __init__(self, paths: ProjectPaths, image: str, proxy: str) -> None:
        self.paths = paths
        self.image = image
        settings = Settings(docker=DockerSettings(proxy=proxy))
        orders = Service(name="orders", versions=(_version(),))
        self.project = Project(name="test", root=Path("/"), files=(), services={"orders": orders}, settings=settings)

    async def open(self) -> Driver:
        driver = DockerDriver(self.paths, os.environ, print)
        await driver.open()
        mesh = await driver.configure(self.project, ["orders"], {"orders": "proxy"})
        self.host_range = IPv4Network(mesh.ranges["orders"])
        return driver

    def play(self, part: str, instance: str) -> InstanceSpec:
        argv = MISSING if part == CANNOT_START else ("sh", "-c", self._SCRIPTS[part])
        spec = _spec(instance, argv, Path("/"))
        return replace(spec, artifact=replace(spec.artifact, image=self.image, fingerprint=repr(argv)))

    async def until_ready(self, driver: Driver, instance: str) -> None:
        while (await driver.run(instance, ["test", "-e", "/tmp/ready"], timeout=5))[0] != 0:
            await asyncio.sleep(0.01)

    async def clear(self) -> None:
        driver = await self.open()
        await driver.clear()
        await driver.close()


def _spec(instance: str, argv: tuple[str, ...], cwd: Path) -> InstanceSpec:
    return InstanceSpec(
        id=instance,
        index=1,
        workload=Workload(service="orders", version=_version(), ports=()),
        artifact=Artifact(fingerprint="1", argv=argv, cwd=cwd),
        environment={"PATH": _PATH, "GREETING": "good morning"},
        log_max_bytes=1024 * 1024,
    )


def _version() -> Version:
    return Version(name="v1", build=Build(context=Path("/")), healthcheck=Healthcheck(probe=NoProbe()))
