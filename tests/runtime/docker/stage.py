"""A project of containers without a supervisor: a driver, and instances that run scripts in a stock image."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.model import Build, DockerSettings, Healthcheck, NoProbe, Project, Service, Settings, Version, Volume
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, Exit, InstanceSpec, Running, Workload
from sandbox.runtime.docker.driver import DockerDriver
from tests.docker_engine import RealEngine

SERVICES = ("web", "stock")

SLEEPS = ("sleep", "600")


class Stage:
    """`drivers` are those that were opened, the newest last."""

    def __init__(self, engine: RealEngine, paths: ProjectPaths, layout: str) -> None:
        self.engine = engine
        self.paths = paths
        self.layout = layout
        self.volumes: dict[str, Volume] = {}
        self.said: list[str] = []
        self.drivers: list[DockerDriver] = []

    @property
    def driver(self) -> DockerDriver:
        return self.drivers[-1]

    @property
    def id(self) -> str:
        return self.paths.id

    @property
    def project(self) -> Project:
        services = {name: Service(name=name, versions=(_version(),)) for name in SERVICES}
        settings = Settings(docker=DockerSettings(proxy=self.layout))
        return Project(
            name="test",
            root=Path("/srv/test"),
            files=(Path("/srv/test/sandbox.yaml"),),
            services=services,
            settings=settings,
            volumes=self.volumes,
        )

    # --- drivers ----------------------------------------------------------------------------------------------------

    async def open(self) -> DockerDriver:
        """One more supervisor's driver, which takes over what runs."""
        driver = DockerDriver(self.paths, {**os.environ, **self.engine.variables}, self.said.append)
        await driver.open()
        self.drivers.append(driver)
        await driver.configure(self.project, SERVICES, {"orders": "proxy", "elsewhere": "192.0.2.1"})
        if self.layout == "container":
            await self._stand_in_for_the_proxy(driver)
        return driver

    async def _stand_in_for_the_proxy(self, driver: DockerDriver) -> None:
        """Any container can: it is there to be connected to the instances' networks."""
        networks = driver.networks
        found = self.engine.api.containers(all=True, filters={"name": f"^/{networks.proxy_container}$"})
        if not found:
            labels = {"dev.sandbox.project": self.id, "dev.sandbox.role": "proxy"}
            made = self.engine.api.create_container(
                self.engine.image("python"), list(SLEEPS), name=networks.proxy_container, labels=labels
            )
            self.engine.api.start(made["Id"])
        await networks.proxy_exists()

    async def close(self) -> None:
        """Of all drivers. Containers go on."""
        while self.drivers:
            await self.drivers.pop().close()

    # --- instances --------------------------------------------------------------------------------------------------

    def spec(
        self,
        *argv: str,
        instance: str = "web-v1-1",
        environment: Mapping[str, str] | None = None,
        image: str | None = None,
        **version: Any,
    ) -> InstanceSpec:
        """`version`: more fields of the model's Version."""
        wanted = replace(_version(), **version)
        service = instance.partition("-")[0]
        return InstanceSpec(
            id=instance,
            index=int(instance.rpartition("-")[2]),
            workload=Workload(service=service, version=wanted, ports=(), runtime="docker"),
            artifact=Artifact(
                fingerprint=repr((argv, wanted)), argv=argv, cwd=Path("/"), image=image or self.engine.image("python")
            ),
            environment=environment or {},
            log_max_bytes=1024 * 1024,
        )

    async def start(self, *argv: str, **more: Any) -> Running:
        return await self.driver.start(self.spec(*(argv or SLEEPS), **more))

    async def shell(self, script: str, **more: Any) -> Running:
        return await self.start("sh", "-c", script, **more)

    async def exit(self) -> Exit:
        """The next one."""
        async with asyncio.timeout(30):
            async for exit in self.driver.exits():
                return exit
        raise AssertionError("no exit came")

    async def outcome(self, script: str, **more: Any) -> tuple[str, str]:
        """Of an instance that runs a script: how it ended, and what it said."""
        running = await self.shell(script, **more)
        return (await self.exit()).describe(), self.log(running.id)

    def log(self, instance: str = "web-v1-1") -> str:
        path = self.paths.logs / f"{instance}.log"
        return path.read_text() if path.exists() else ""

    def inspect(self, running: Running) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.api.inspect_container(running.container)
        return found

    async def said_inside(self, running: Running, *argv: str) -> str:
        code, text = await self.driver.run(running.id, argv, timeout=20)
        assert code == 0, text
        return text

    def containers(self) -> set[str]:
        """Instances that have one, running or not."""
        wanted = {"label": [f"dev.sandbox.project={self.id}", "dev.sandbox.role=service"]}
        found = self.engine.api.containers(all=True, filters=wanted)
        return {one["Labels"]["dev.sandbox.instance"] for one in found}

    def networks(self) -> set[str]:
        found = self.engine.api.networks(filters={"label": f"dev.sandbox.project={self.id}"})
        return {one["Name"] for one in found}


@asynccontextmanager
async def stage(engine: RealEngine, layout: str = "host", *, keeps: Collection[str] = ()) -> AsyncIterator[Stage]:
    """Nothing of it may be left in the end but what the test removes itself."""
    home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))  # sockets need a short path
    paths = ProjectPaths(home, f"test-{home.name[3:].lower().replace('_', 'x')}")
    paths.create()
    made = Stage(engine, paths, layout)
    try:
        await made.open()
        yield made
    finally:
        if made.drivers:
            await made.driver.clear()
        await made.close()
        shutil.rmtree(home)
    assert engine.leftovers(paths.id) == list(keeps)


def _version() -> Version:
    return Version(name="v1", build=Build(context=Path("/")), healthcheck=Healthcheck(probe=NoProbe()))
