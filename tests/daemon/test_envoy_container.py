"""The proxy's container from the daemon's side: which ports it is made with, against a scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.daemon.envoy_container import ContainerEnvoy
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.proxy import envoy
from sandbox.runtime.base import Running
from sandbox.runtime.docker.proxy import ProxySpec
from tests.runtime.home import project_paths

DOOR, OLD, NEW = 19001, frozenset({8080}), frozenset({8081})


class ScriptedContainer:
    """Takes a while to be made: until `gate` is open."""

    def __init__(self) -> None:
        self.ports: frozenset[int] | None = None  # of the one that is there
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self.pid: int | None = 4711

    async def start(self, spec: ProxySpec) -> Running:
        self.began.set()
        await self.gate.wait()
        assert self.ports is None, "its name is taken"
        self.ports = spec.ports
        return Running(id="envoy", pid=self.pid, container="c1", started_at=1.0, host="10.0.0.2")

    async def stop(self, grace: float) -> None:
        await asyncio.sleep(0)
        self.ports = None


@pytest.fixture
def paths() -> Iterator[ProjectPaths]:
    with project_paths() as made:
        made.docker.mkdir(parents=True)
        yield made


@pytest.fixture
def container() -> ScriptedContainer:
    return ScriptedContainer()


@pytest.fixture
def host(paths: ProjectPaths, container: ScriptedContainer, monkeypatch: pytest.MonkeyPatch) -> ContainerEnvoy:
    monkeypatch.setattr(envoy, "find_envoy", lambda environ: None)
    monkeypatch.setattr(envoy, "envoy_version", lambda program: "1.40.0")
    docker: Any = SimpleNamespace(facts=SimpleNamespace(desktop=True), proxy=container)
    mesh: Any = SimpleNamespace(host="10.0.0.1", proxy="10.0.0.2")
    project = Project(name="shop", root=paths.home, files=(), services={})
    made = ContainerEnvoy(paths, project, docker, mesh, claim=lambda purpose: DOOR, hand_over=lambda ports: None)
    made.fit(OLD)
    return made


async def test_one_that_is_being_made_with_ports_of_before_is_made_anew(
    host: ContainerEnvoy, container: ScriptedContainer
) -> None:
    starting = asyncio.ensure_future(host.start())
    await container.began.wait()

    assert host.fit(NEW)
    stopping = asyncio.ensure_future(host.stop())
    await asyncio.sleep(0)
    again = asyncio.ensure_future(host.start())  # as its keeper does once it has ended
    container.gate.set()

    await asyncio.gather(starting, stopping, again)
    assert container.ports == NEW | {DOOR}
    assert not host.fit(NEW)


async def test_one_that_ended_unseen_has_no_pid(host: ContainerEnvoy, container: ScriptedContainer) -> None:
    container.pid = None
    container.gate.set()
    assert (await host.start()).pid is None
