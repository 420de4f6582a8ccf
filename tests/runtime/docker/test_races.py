"""What may happen between two calls to an engine. It is scripted here: a real one does so once in a thousand times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Running
from sandbox.runtime.docker import logs as logs_module
from sandbox.runtime.docker import maker as maker_module
from sandbox.runtime.docker import netcalls
from sandbox.runtime.docker import watch as watch_module
from sandbox.runtime.docker.endpoint import Endpoint
from sandbox.runtime.docker.engine import Engine, EngineGone
from sandbox.runtime.docker.layout import EngineFacts
from sandbox.runtime.docker.lives import Lives
from sandbox.runtime.docker.logs import Logs
from sandbox.runtime.docker.networks import Demand, Networks
from sandbox.runtime.docker.proxy import ProxyContainer, ProxySpec
from sandbox.runtime.docker.records import Record, Records
from sandbox.runtime.docker.stream import StreamRefused
from sandbox.runtime.docker.watch import EngineWatch
from tests.runtime.docker.scripted import ScriptedEngine, ScriptedStreams, refusal
from tests.runtime.home import project_paths

Details = dict[str, Any]


class Api:
    """Networks, and one container with a name, as far as an engine keeps count of them."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.made = False
        self.runs = True  # of the container, once it was started
        self.connected: set[str] = set()
        self.pid = 4711

    # --- networks -----------------------------------------------------------------------------------------------

    def networks(self, names: list[str] | None = None, filters: object = None) -> list[Details]:
        return [{"Name": name, "Id": name} for name in sorted(self.there) if names is None or name in names]

    def create_network(self, name: str, **_: object) -> None:
        self.there.add(name)

    def inspect_network(self, name: str) -> Details:
        if name not in self.there:
            raise refusal(404, f"network {name} not found")
        return {"Containers": {}}

    def remove_network(self, name: str) -> None:
        self.there.remove(name)

    def connect_container_to_network(self, container: str, name: str, **_: object) -> None:
        if not self.made:
            raise refusal(404, f"No such container: {container}")
        self.connected.add(name)

    # --- the container ------------------------------------------------------------------------------------------

    def inspect_image(self, image: str) -> Details:
        return {"Id": image}

    def create_container_from_config(self, body: object, name: str) -> Details:
        self.made = True
        return {"Id": name}

    def put_archive(self, container: str, path: str, archive: bytes) -> None:
        return

    def start(self, container: str) -> None:
        if gone := self.connected - self.there:
            raise refusal(404, f"network {gone.pop()} not found")

    def inspect_container(self, container: str) -> Details:
        if not self.made:
            raise refusal(404, f"No such container: {container}")
        return {"Id": container, "State": {"Running": self.runs, "Pid": self.pid}}

    def remove_container(self, container: str, **_: object) -> None:
        if not self.made:
            raise refusal(404, f"No such container: {container}")
        self.made = False
        self.connected.clear()


@pytest.fixture
def paths() -> Iterator[ProjectPaths]:
    with project_paths() as made:
        made.docker.mkdir(parents=True)
        yield made


@pytest.fixture
async def logs(paths: ProjectPaths) -> AsyncIterator[Logs]:
    made = Logs(paths.logs, ScriptedStreams(StreamRefused(404, "No such container")))
    yield made
    await made.close()


async def proxy_and_networks(engine: Engine, paths: ProjectPaths, logs: Logs) -> tuple[ProxyContainer, Networks]:
    networks = Networks(engine, "shop", paths.docker / "network.json")
    facts = EngineFacts(name="", desktop=False, rootless=False, podman=False, filters_bridges=True, memory=0)
    await networks.prepare(Demand(ports={"web": [8000]}, proxy="container", pools=()), facts)
    return ProxyContainer(engine, networks, logs, paths), networks


SPEC = ProxySpec(
    image="envoy", argv=("envoy",), files={}, ports=frozenset(), address="10.0.0.2", program=None, environ={}
)


# --- the proxy's container ------------------------------------------------------------------------------------------


async def test_no_network_leaves_between_the_proxys_connecting_and_its_start(paths: ProjectPaths, logs: Logs) -> None:
    leaving: list[asyncio.Task[None]] = []

    class Leaving(Api):
        def connect_container_to_network(self, container: str, name: str, **words: object) -> None:
            super().connect_container_to_network(container, name, **words)
            if not leaving:
                engine.next_call_takes = 50
                leaving.append(asyncio.ensure_future(networks.detach("web-v1-1")))

    engine = ScriptedEngine(api := Leaving())
    proxy, networks = await proxy_and_networks(engine, paths, logs)
    await networks.proxy_exists()
    await networks.attach("web-v1-1", "web")  # of which a proxy hears that is not there yet

    await proxy.start(SPEC)

    await asyncio.gather(*leaving)
    assert api.there == {"shop"}


async def test_a_removal_that_is_under_way_is_waited_for(
    paths: ProjectPaths, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Api):
        looks = 3

        def remove_container(self, container: str, **_: object) -> None:
            raise refusal(409, f"removal of container {container} is already in progress")

        def inspect_container(self, container: str) -> Details:
            self.looks -= 1
            self.made = self.looks > 0
            return super().inspect_container(container)

    monkeypatch.setattr(maker_module, "_POLL", 0.0)
    proxy, _ = await proxy_and_networks(ScriptedEngine(api := Slow()), paths, logs)

    await proxy.stop(0.0)
    assert api.looks == 0

    api.looks = 10**9
    monkeypatch.setattr(maker_module, "_GONE_WITHIN", 0.01)
    with pytest.raises(RuntimeFailure, match="the engine does not remove the container shop-proxy"):
        await proxy.stop(0.0)


async def test_the_proxys_end_is_told_though_the_engine_can_not_say_how(paths: ProjectPaths, logs: Logs) -> None:
    class Ailing(Api):
        ails = False

        def inspect_container(self, container: str) -> Details:
            if self.ails:
                raise refusal(500, "database is locked")
            return super().inspect_container(container)

    proxy, _ = await proxy_and_networks(ScriptedEngine(api := Ailing()), paths, logs)
    running = await proxy.start(SPEC)
    api.ails = True

    await proxy.ended(3)

    exit = await asyncio.wait_for(anext(aiter(proxy.exits())), 10)
    assert (exit.describe(), exit.pid) == ("exit code 3", running.pid)


# --- instances ------------------------------------------------------------------------------------------------------


class Told:
    """What is known of one instance's container, and what was asked of whoever puts it away."""

    def __init__(self, logs: Logs, api: object) -> None:
        nowhere = Endpoint("unix:///no-such.sock", "here")
        watch = EngineWatch(nowhere, logs._streams, "shop", ignore, ignore, nothing, ignore)
        watch.there.set()
        records = Records()
        self.failures: list[BaseException] = []
        self.discarded = asyncio.Event()
        self.lives = Lives(ScriptedEngine(api), watch, records, logs, self.discard, self._failed)
        self.record = Record(container="c1", instance="web-v1-1", service="web", version="v1")
        self.record.running = Running(id="web-v1-1", pid=7, container="c1", started_at=1.0, host="10.0.0.3")
        self.record.started.set()
        records.add(self.record)

    async def discard(self, record: Record) -> None:
        if not self.failures:
            self.failures.append(EngineGone("the engine went away"))
            raise self.failures[0]
        self.discarded.set()

    def _failed(self, name: str, error: BaseException) -> None:
        raise AssertionError(name) from error


def ignore(*_: object) -> None:
    return


async def nothing() -> None:
    return


async def test_an_end_is_told_though_the_engine_can_not_say_how(logs: Logs) -> None:
    class Ailing:
        def inspect_container(self, container: str) -> Details:
            raise refusal(500, "database is locked")

    told = Told(logs, Ailing())

    told.lives.hear(told.record, "die", {"exitCode": "3"})

    exit = await asyncio.wait_for(anext(aiter(told.lives.exits())), 10)
    assert exit.describe() == "exit code 3"
    assert told.record.ended.is_set()


async def test_what_could_not_be_put_away_while_the_engine_was_gone_is_so_afterwards(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_RETRY", 0.0)
    told = Told(logs, Api())
    told.lives.ended(told.record)
    exits = aiter(told.lives.exits())
    await asyncio.wait_for(anext(exits), 10)

    hearing = asyncio.ensure_future(anext(exits))  # the one before was heard

    await asyncio.wait_for(told.discarded.wait(), 10)
    hearing.cancel()


async def test_an_engine_that_is_gone_is_not_asked_for_last_words_without_a_pause(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_module, "_LAST_WORDS", 0.1)
    streams = ScriptedStreams(OSError("the engine went away"))
    logs = Logs(paths.logs, streams)
    logs.follow(Running(id="web-v1-1", pid=7, container="c1", started_at=1.0, host=""), 1024, anew=True)

    await logs.finish("c1")

    await logs.close()
    assert 1 <= streams.asked <= 3


# --- networks -------------------------------------------------------------------------------------------------------


def test_a_network_that_the_engine_can_not_remove_just_now_is_removed_in_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = [refusal(500, "database is locked"), refusal(403, "network web has active endpoints")]

    class Busy(Api):
        def remove_network(self, name: str) -> None:
            if refusals:
                raise refusals.pop()
            super().remove_network(name)

    monkeypatch.setattr(netcalls, "_POLL", 0.0)
    api = Busy()
    api.there.add("web")
    netcalls.remove_network(api, "web")
    netcalls.remove_network(api, "web")  # gone is gone
    assert api.there == set()
