"""The proxy's own container, with a program in it that is no proxy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Exit
from sandbox.runtime.docker.engine import EngineGone
from sandbox.runtime.docker.proxy import ProxyContainer, ProxySpec
from tests.docker_engine import RealEngine
from tests.integration.harness import free_port
from tests.runtime.docker.stage import SERVICES, Stage, stage


@pytest.fixture
async def theatre(engine: RealEngine) -> AsyncIterator[Stage]:
    async with stage(engine, "container") as made:
        engine.api.remove_container(made.driver.networks.proxy_container, force=True)  # that of the stage
        yield made


@pytest.fixture
async def spec(theatre: Stage, engine: RealEngine) -> ProxySpec:
    mesh = await theatre.driver.configure(theatre.project, SERVICES, {})
    return ProxySpec(
        image=engine.image("python"),
        argv=("sh", "-c", "cat /sandbox/page; exec sleep 600"),
        files={"/sandbox/page": b"hello\n"},
        ports=frozenset({free_port()}),
        address=mesh.proxy,
        program=None,
        environ={},
    )


async def exit_of(proxy: ProxyContainer) -> Exit:
    async with asyncio.timeout(20):
        return await anext(aiter(proxy.exits()))


async def test_it_is_hardened_and_its_ports_are_open_on_loopback_alone(theatre: Stage, spec: ProxySpec) -> None:
    running = await theatre.driver.proxy.start(spec)
    found = theatre.inspect(running)
    host, (port,) = found["HostConfig"], spec.ports
    assert (host["CapDrop"], host["SecurityOpt"], host["Privileged"]) == (["ALL"], ["no-new-privileges:true"], False)
    assert found["Config"]["User"] == "65532:65532"
    assert found["NetworkSettings"]["Ports"] == {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert found["Config"]["Labels"]["dev.sandbox.role"] == "proxy"
    assert running.host == spec.address
    async with asyncio.timeout(20):
        while theatre.log("envoy") != "hello\n":
            await asyncio.sleep(0.02)


async def test_a_second_supervisor_takes_over_the_same_one_and_no_other(theatre: Stage, spec: ProxySpec) -> None:
    running = await theatre.driver.proxy.start(spec)
    second = await theatre.open()
    assert await second.proxy.runs()
    assert await second.proxy.adopt(replace(spec, argv=("sleep", "1"))) is None
    assert await second.proxy.adopt(spec) == running


async def test_an_end_by_others_hands_is_told(theatre: Stage, spec: ProxySpec, engine: RealEngine) -> None:
    proxy = theatre.driver.proxy
    running = await proxy.start(spec)
    await asyncio.to_thread(engine.api.remove_container, running.container, force=True)
    exit = await exit_of(proxy)
    assert exit.describe() == "killed by signal 9 (SIGKILL)"
    assert exit.at >= running.started_at
    await proxy.start(spec)
    assert await proxy.runs()


async def test_one_that_ends_at_once_is_told_too(theatre: Stage, spec: ProxySpec) -> None:
    await theatre.driver.proxy.start(replace(spec, argv=("sh", "-c", "exit 3")))
    assert (await exit_of(theatre.driver.proxy)).describe() == "exit code 3"


async def test_an_end_while_the_engine_goes_away_is_told_when_it_is_back(
    theatre: Stage, spec: ProxySpec, engine: RealEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = theatre.driver.proxy
    running = await proxy.start(spec)

    async def away() -> Any:
        raise EngineGone("the engine went away")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(proxy, "_inspect", away)
        await asyncio.to_thread(engine.api.kill, running.container)
        await asyncio.to_thread(engine.api.wait, running.container)
        with pytest.raises(EngineGone):
            await proxy.ended()
    await proxy.look()
    assert (await exit_of(proxy)).describe() == "killed by signal 9 (SIGKILL)"


async def test_stopping(theatre: Stage, spec: ProxySpec) -> None:
    proxy = theatre.driver.proxy
    await proxy.stop(1.0)  # none is no error
    await proxy.start(replace(spec, argv=("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done")))
    await proxy.stop(10.0)
    assert not await proxy.runs()


async def test_a_port_that_is_taken(theatre: Stage, spec: ProxySpec) -> None:
    (port,) = spec.ports
    taken = r"address already in use|port is already allocated"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RuntimeFailure, match=taken) as failure:
        await theatre.driver.proxy.start(spec)
    assert failure.value.place == "Envoy"
    assert "another port" in failure.value.hint
    assert not await theatre.driver.proxy.runs()
