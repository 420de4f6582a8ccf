"""Several runtimes as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.runtime.base import Artifact, Exit, InstanceSpec, Workload
from sandbox.runtime.fake import Behaviour, FakeDriver, FakeHost
from sandbox.runtime.mixed import MixedDriver


class Pair:
    """Two machines, and the driver that makes one of them."""

    def __init__(self) -> None:
        self.hosts = {"process": FakeHost(), "docker": FakeHost()}
        self.drivers = {name: FakeDriver(host) for name, host in self.hosts.items()}
        self.mixed = MixedDriver(self.drivers)

    async def running(self, name: str) -> set[str]:
        return {running.id for running in await self.drivers[name].running()}

    async def exit(self) -> Exit:
        async with asyncio.timeout(5):
            return await anext(aiter(self.mixed.exits()))


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    for driver in made.drivers.values():
        await driver.open()
    yield made
    await made.mixed.close()


def spec(instance: str, runtime: str) -> InstanceSpec:
    version = Version(name="v1", build=Build(context=Path("/")), healthcheck=Healthcheck(probe=NoProbe()))
    workload = Workload(service=instance.partition("-")[0], version=version, ports=(), runtime=runtime)
    artifact = Artifact(fingerprint="1", argv=("serve",), cwd=Path("/"))
    return InstanceSpec(id=instance, index=1, workload=workload, artifact=artifact, environment={}, log_max_bytes=1)


async def test_each_service_has_its_runtime(pair: Pair) -> None:
    await pair.mixed.start(spec("web-v1-1", "process"))
    await pair.mixed.start(spec("stock-v1-1", "docker"))
    assert await pair.running("process") == {"web-v1-1"}
    assert await pair.running("docker") == {"stock-v1-1"}
    assert {running.id for running in await pair.mixed.running()} == {"web-v1-1", "stock-v1-1"}


async def test_commands_go_where_the_instance_is(pair: Pair) -> None:
    pair.hosts["docker"].behaviours["stock-v1-1"] = Behaviour(commands={("hello",): (0, "from the container")})
    await pair.mixed.start(spec("stock-v1-1", "docker"))
    assert await pair.mixed.run("stock-v1-1", ["hello"], 5) == (0, "from the container")
    assert pair.mixed.exec_spec("stock-v1-1", ["env"]).argv
    with pytest.raises(RuntimeFailure, match="not running"):
        await pair.mixed.run("nobody", ["hello"], 5)
    with pytest.raises(KeyError):
        pair.mixed.exec_spec("nobody", ["env"])


async def test_a_service_that_changes_its_runtime_is_stopped_where_it_was(pair: Pair) -> None:
    await pair.mixed.start(spec("web-v1-1", "process"))
    await pair.mixed.stop("web-v1-1", 1)
    await pair.mixed.start(spec("web-v1-1", "docker"))
    assert (await pair.running("process"), await pair.running("docker")) == (set(), {"web-v1-1"})
    assert (await pair.exit()).id == "web-v1-1"
    await pair.mixed.stop("web-v1-1", 1)
    assert await pair.running("docker") == set()


async def test_exits_of_all_are_heard_once(pair: Pair) -> None:
    for instance, runtime in (("web-v1-1", "process"), ("stock-v1-1", "docker")):
        await pair.mixed.start(spec(instance, runtime))
        await pair.mixed.stop(instance, 1)
    assert {(await pair.exit()).id, (await pair.exit()).id} == {"web-v1-1", "stock-v1-1"}


async def test_what_runs_already_is_found_by_a_new_one(pair: Pair) -> None:
    await pair.mixed.start(spec("stock-v1-1", "docker"))
    second = MixedDriver(pair.drivers)
    await second.running()
    assert second.exec_spec("stock-v1-1", ["env"]).argv
    await second.close()


async def test_a_runtime_that_is_not_there(pair: Pair) -> None:
    with pytest.raises(RuntimeFailure, match="the podman runtime is not there") as failure:
        await pair.mixed.start(spec("web-v1-1", "podman"))
    assert failure.value.hint == "see: sandbox doctor"


async def test_a_runtime_that_comes_later(pair: Pair) -> None:
    late = FakeDriver(FakeHost())
    await late.open()
    pair.mixed.add("podman", late)
    pair.mixed.add("podman", late)
    await pair.mixed.start(spec("web-v1-1", "podman"))
    await pair.mixed.stop("web-v1-1", 1)
    assert (await pair.exit()).id == "web-v1-1"


async def test_one_that_can_not_be_cleared_keeps_no_other_from_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared = []

    async def fails() -> None:
        raise RuntimeFailure("the engine does not run")

    async def clears() -> None:
        cleared.append("docker")

    monkeypatch.setattr(pair.drivers["process"], "clear", fails)
    monkeypatch.setattr(pair.drivers["docker"], "clear", clears)
    with pytest.raises(RuntimeFailure, match="the engine does not run"):
        await pair.mixed.clear()
    assert cleared == ["docker"]


async def test_a_driver_that_breaks_is_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FakeDriver):
        async def exits(self) -> AsyncIterator[Exit]:
            raise RuntimeError("broken")
            yield

    pair.mixed.add("broken", Broken(FakeHost()))
    with pytest.raises(RuntimeError, match="broken"):
        await pair.exit()
