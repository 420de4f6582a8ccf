"""Keeping Envoy running, against a scripted Envoy and control plane."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.control import Status
from sandbox.errors import ProxyError
from sandbox.events import Bus, Kind
from sandbox.proxy.topology import Address, EndpointKey, Endpoints, Topology
from sandbox.supervisor.proxy import EnvoyProcess, ProxyKeeper

TOPOLOGY = Topology(
    gateway=Address("127.0.0.1", 8080),
    default_service=None,
    services=(),
    callers=(),
    published=(),
    outbound_socket=Path("/run/out.sock"),
)
KEY = EndpointKey("mill", "v1", 8000)


class ScriptedEnvoy:
    version = "1.40.0"

    def __init__(self) -> None:
        self.starts = 0
        self.stops = 0
        self.failure: ProxyError | None = None
        self.dies_unseen = False  # the next one, before anybody has its pid
        self.on_start: Callable[[int], None] = lambda pid: None

    async def start(self) -> EnvoyProcess:
        if self.failure:
            raise self.failure
        self.starts += 1
        unseen, self.dies_unseen = self.dies_unseen, False
        self.on_start(100 + self.starts)
        return EnvoyProcess(pid=None if unseen else 100 + self.starts, started_at=time.time())

    async def stop(self) -> None:
        self.stops += 1


class ScriptedPlane:
    rejected: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.applied: list[Endpoints] = []
        self.failure: ProxyError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

        self.connected = asyncio.Event()
        self.connected.set()

    async def wait_connected(self, timeout: float) -> None:
        await self.connected.wait()

    async def apply(self, topology: Topology, endpoints: Endpoints) -> None:
        await self.gate.wait()
        if self.failure:
            raise self.failure
        self.applied.append(endpoints)


class Stage:
    def __init__(self) -> None:
        self.envoy, self.plane, self.bus = ScriptedEnvoy(), ScriptedPlane(), Bus()
        self.changed = asyncio.Event()
        self.keeper = ProxyKeeper(self.envoy, self.plane, self.bus, self.changed.set)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def healthy(self) -> None:
        await self.until(lambda: self.keeper.status().status is Status.HEALTHY)

    async def started(self, times: int) -> None:
        async with asyncio.timeout(30):
            while self.keeper.pid != 100 + times:
                await asyncio.sleep(0.005)

    def said(self, kind: Kind) -> list[str]:
        return [event.message for event in self.bus.history() if event.kind is kind]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.keeper.close()


async def test_it_starts_envoy_and_serves_what_was_published_before(stage: Stage) -> None:
    stage.keeper.publish(topology=TOPOLOGY, endpoints={KEY: (Address("127.0.0.1", 1),)})
    stage.keeper.open(None)
    await stage.healthy()
    await stage.keeper.served()
    assert stage.envoy.starts == 1
    assert stage.plane.applied[-1] == {KEY: (Address("127.0.0.1", 1),)}


async def test_an_envoy_that_runs_is_taken_over(stage: Stage) -> None:
    stage.keeper.open(EnvoyProcess(pid=7, started_at=time.time()))
    await stage.healthy()
    assert stage.envoy.starts == 0
    assert stage.keeper.pid == 7


async def test_an_envoy_that_runs_serves_nothing_of_ours_before_it_has_asked_us(stage: Stage) -> None:
    stage.plane.connected.clear()
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(EnvoyProcess(pid=7, started_at=time.time()))
    served = asyncio.ensure_future(stage.keeper.served())
    while not stage.plane.applied:  # a control plane without an Envoy takes everything
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not served.done()
    stage.plane.gate.clear()
    stage.plane.connected.set()
    await asyncio.sleep(0)
    assert not served.done()
    stage.plane.gate.set()
    await asyncio.wait_for(served, 1)
    assert len(stage.plane.applied) == 2


async def test_many_changes_in_a_row_end_with_the_newest(stage: Stage) -> None:
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.healthy()
    for port in range(100):
        stage.keeper.publish(endpoints={KEY: (Address("127.0.0.1", port),)})
    await stage.keeper.served()
    assert stage.plane.applied[-1] == {KEY: (Address("127.0.0.1", 99),)}
    assert len(stage.plane.applied) < 10


async def test_what_takes_the_place_of_another_is_one_change(stage: Stage) -> None:
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.healthy()
    before = len(stage.plane.applied)
    old, new = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
    stage.keeper.publish(endpoints={KEY: (old, new)})
    for _ in range(5):
        await asyncio.sleep(0)
    stage.keeper.publish(endpoints={KEY: (new,)})
    await stage.keeper.served()
    assert stage.plane.applied[before:] == [{KEY: (new,)}]


async def test_a_dead_envoy_is_replaced_and_given_everything_again(stage: Stage) -> None:
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.healthy()
    before = len(stage.plane.applied)
    stage.keeper.exited(stage.keeper.pid, "killed by signal 9 (SIGKILL)")
    assert stage.keeper.status().status is Status.BACKOFF
    await stage.healthy()
    await stage.keeper.served()
    assert stage.envoy.starts == 2
    assert len(stage.plane.applied) > before
    assert "SIGKILL" in stage.said(Kind.PROXY_EXITED)[0]


async def test_of_several_that_end_at_once_only_the_one_that_serves_is_told(stage: Stage) -> None:
    stage.plane.connected.clear()
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.started(1)
    stage.keeper.exited(stage.keeper.pid, "exit code 1")
    await stage.started(2)
    stage.plane.connected.set()
    await stage.healthy()

    assert len(stage.said(Kind.PROXY_STARTED)) == 1


async def test_one_that_ended_before_anybody_had_its_pid_is_replaced(stage: Stage) -> None:
    stage.plane.connected.clear()
    stage.envoy.dies_unseen = True
    stage.keeper.open(None)
    await stage.until(lambda: stage.envoy.starts == 1)

    stage.keeper.exited(None, "exit code 1")

    stage.plane.connected.set()
    await stage.healthy()
    assert (stage.envoy.starts, stage.keeper.pid) == (2, 102)


async def test_an_end_that_is_told_before_the_start_has_returned_counts(stage: Stage) -> None:
    stage.plane.connected.clear()
    stage.envoy.on_start = lambda pid: stage.keeper.exited(pid, "exit code 1") if pid == 101 else None
    stage.keeper.open(None)

    await stage.started(2)

    stage.plane.connected.set()
    await stage.healthy()
    assert len(stage.said(Kind.PROXY_EXITED)) == len(stage.said(Kind.PROXY_STARTED)) == 1


async def test_one_that_ends_while_it_is_taken_over_is_replaced(stage: Stage) -> None:
    found = EnvoyProcess(pid=7, started_at=time.time() - 3600)
    stage.keeper.exited(7, "killed by signal 9 (SIGKILL)")

    stage.keeper.open(found)

    await stage.healthy()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (stage.envoy.starts, stage.keeper.pid) == (1, 101)
    assert stage.said(Kind.PROXY_STARTED) == ["Envoy 1.40.0 serves"]


async def test_the_end_of_an_earlier_envoy_is_old_news(stage: Stage) -> None:
    stage.keeper.open(None)
    await stage.healthy()
    stage.keeper.exited(1, "exit code 0")
    assert stage.keeper.status().status is Status.HEALTHY


async def test_no_envoy_for_this_machine_is_said_with_the_way_out(stage: Stage) -> None:
    stage.envoy.failure = ProxyError("there is no Envoy for this machine", hint="set SANDBOX_ENVOY")
    stage.keeper.open(None)
    await stage.until(lambda: stage.keeper.status().status is Status.FAILED)
    assert stage.keeper.status().reason == "there is no Envoy for this machine; set SANDBOX_ENVOY"


async def test_a_refused_change_is_said_once_and_the_next_one_goes_through(stage: Stage) -> None:
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.healthy()
    stage.plane.failure = ProxyError("weight must be positive")
    for port in (1, 2):
        stage.keeper.publish(endpoints={KEY: (Address("127.0.0.1", port),)})
        await stage.keeper.served()
    assert len(stage.said(Kind.PROXY_REFUSED)) == 1
    stage.plane.failure = None
    stage.keeper.publish(endpoints={})
    await stage.keeper.served()
    assert stage.plane.applied[-1] == {}


async def test_what_envoy_has_answered_is_confirmed(stage: Stage) -> None:
    stage.plane.connected.clear()
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.keeper.served()
    assert not await stage.keeper.confirmed(patience=0.01)  # a control plane without an Envoy takes everything

    confirmed = asyncio.ensure_future(stage.keeper.confirmed(patience=30))
    stage.plane.failure = ProxyError("weight must be positive")
    stage.plane.connected.set()

    assert await confirmed
    assert stage.keeper.refusal is stage.plane.failure


async def test_where_there_is_no_envoy_nobody_waits_for_its_word(stage: Stage) -> None:
    stage.envoy.failure = ProxyError("there is no Envoy for this machine")
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)

    assert not await stage.keeper.confirmed(patience=30)


async def test_an_ailing_proxy_holds_nobody_up_for_long(stage: Stage) -> None:
    stage.plane.gate.clear()
    stage.keeper.publish(topology=TOPOLOGY)
    stage.keeper.open(None)
    await stage.keeper.served(patience=0.05)
    assert stage.plane.applied == []


async def test_an_end_that_was_asked_for_starts_no_other(stage: Stage) -> None:
    stage.keeper.open(None)
    stage.keeper.publish(topology=TOPOLOGY)
    await stage.healthy()
    pid = stage.keeper.pid

    await stage.keeper.stop()
    stage.keeper.exited(pid, "signal 15")

    await asyncio.sleep(0)
    assert (stage.envoy.starts, stage.envoy.stops) == (1, 1)
    assert stage.keeper.status().status is Status.STOPPED
