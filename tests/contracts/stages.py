"""Where the driver contract is played: the same parts for every driver, in the words each one understands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from sandbox.errors import RuntimeFailure
from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, Driver, InstanceSpec, Workload
from sandbox.runtime.fake import Behaviour, FakeDriver, FakeHost
from sandbox.runtime.process import ProcessDriver
from tests.runtime.home import SHELL_ENVIRONMENT

SLEEPS = "sleeps"
IGNORES_SIGTERM = "ignores SIGTERM"
EXITS_3 = "exits with 3"
CANNOT_START = "can't start"

SAYS_HELLO = ("sh", "-c", "echo hello; exit 4")
HANGS = ("sh", "-c", "sleep 30")
MISSING = ("no-such-program-anywhere",)


class Stage(ABC):
    @abstractmethod
    def driver(self) -> Driver:
        """Another driver of the same project."""

    @abstractmethod
    def play(self, part: str, instance: str) -> InstanceSpec: ...


class FakeStage(Stage):
    def __init__(self) -> None:
        self.host = FakeHost()

    def driver(self) -> Driver:
        return FakeDriver(self.host)

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

    def driver(self) -> Driver:
        return ProcessDriver(self.paths)

    def play(self, part: str, instance: str) -> InstanceSpec:
        argv = MISSING if part == CANNOT_START else ("sh", "-c", self._SCRIPTS[part])
        return _spec(instance, argv, self.folder)


def _spec(instance: str, argv: tuple[str, ...], cwd: Path) -> InstanceSpec:
    return InstanceSpec(
        id=instance,
        index=1,
        workload=Workload(service="orders", version=_version(), ports=()),
        artifact=Artifact(fingerprint="1", argv=argv, cwd=cwd),
        environment={**SHELL_ENVIRONMENT, "GREETING": "good morning"},
        log_max_bytes=1024 * 1024,
    )


def _version() -> Version:
    return Version(name="v1", build=Build(context=Path("/")), healthcheck=Healthcheck(probe=NoProbe()))
