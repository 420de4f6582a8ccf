"""The networks of a project: who reaches whom, and what of them stays when instances come and go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pytest
from docker.errors import APIError

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.engine import Engine, explained
from sandbox.runtime.docker.netcalls import NetworkCalls, in_the_way
from tests.docker_engine import RealEngine
from tests.integration.harness import free_port
from tests.runtime.docker.stage import SERVICES, Stage, stage

SERVES = ("python3", "-m", "http.server", "8000")

DIALS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8000), timeout=0.7).close()
    print("connected")
except OSError as error:
    print("refused" if isinstance(error, ConnectionRefusedError) else "unreachable")
"""


async def dials(theatre: Stage, caller: str, address: str) -> str:
    code, text = await theatre.driver.run(caller, ["python3", "-c", DIALS, address], timeout=10)
    assert code == 0, text
    return text.strip()


async def test_no_instance_reaches_another(either: Stage) -> None:
    one, other, stranger = await asyncio.gather(
        either.start(*SERVES, instance="stock-v1-1"),
        either.start(*SERVES, instance="stock-v1-2"),
        either.start(*SERVES, instance="web-v1-1"),
    )
    await asyncio.gather(*(until_it_serves(either, running.id) for running in (one, other, stranger)))
    pairs = [(one, other), (other, one), (stranger, one), (one, stranger)]
    found = await asyncio.gather(*(isolated(either, caller.id, callee.host) for caller, callee in pairs))
    assert found == ["unreachable"] * 4


async def isolated(theatre: Stage, caller: str, address: str) -> str:
    """What a dial finds, asked again when it got through. An engine before 28 takes its isolation out for the moment
    in which it makes any network (moby: iptables.EnsureJumpRule), as a test beside this one may have it do: 4 % of the
    dials got through while networks were made without a pause."""
    found = ""
    for _ in range(3):
        if (found := await dials(theatre, caller, address)) != "connected":
            break
    return found


async def until_it_serves(theatre: Stage, instance: str) -> None:
    async with asyncio.timeout(20):
        while await dials(theatre, instance, "127.0.0.1") != "connected":
            await asyncio.sleep(0.05)


async def test_instances_of_a_service_call_from_its_range_alone(either: Stage) -> None:
    mesh = await either.driver.configure(either.project, SERVICES, {})
    instances = [f"{service}-v1-{number}" for service in SERVICES for number in (1, 2)]
    for running in await asyncio.gather(*(either.start(instance=one) for one in instances)):
        service = running.id.partition("-")[0]
        assert IPv4Network(running.host).subnet_of(IPv4Network(mesh.ranges[service]))
    assert len({running.host for running in await either.driver.running()}) == 4


async def test_a_private_network_goes_with_its_instance(engine: RealEngine) -> None:
    async with stage(engine, "container") as theatre:
        await asyncio.gather(theatre.start(instance="web-v1-1"), theatre.start(instance="web-v1-2"))
        assert theatre.networks() == {theatre.id, f"{theatre.id}-web-v1-1", f"{theatre.id}-web-v1-2"}
        await theatre.driver.stop("web-v1-1", 0.0)
        await theatre.exit()
        async with asyncio.timeout(10):
            while f"{theatre.id}-web-v1-1" in theatre.networks():
                await _heard(theatre)
        assert theatre.networks() == {theatre.id, f"{theatre.id}-web-v1-2"}


async def _heard(theatre: Stage) -> None:
    """An exit counts as heard, and its container as of no more use, when the next one is asked for."""
    waiting = asyncio.ensure_future(anext(aiter(theatre.driver.exits())))
    await asyncio.wait([waiting], timeout=0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_an_instance_that_comes_back_before_its_last_container_is_gone_keeps_its_place(either: Stage) -> None:
    await either.start(instance="web-v1-1")
    first = await either.start(instance="web-v1-2")
    await asyncio.gather(either.driver.stop("web-v1-1", 0.0), either.driver.stop("web-v1-2", 0.0))
    again = await either.start(instance="web-v1-2")
    assert again.host == first.host
    assert {running.id for running in await either.driver.running()} == {"web-v1-2"}


async def test_a_second_supervisor_finds_the_networks_and_takes_nobodys_address(either: Stage) -> None:
    first = await either.start(instance="web-v1-1")
    before = either.networks()
    await either.open()
    assert either.networks() == before
    assert await either.driver.running() == (first,)
    assert (await either.start(instance="web-v1-2")).host != first.host


async def test_an_instance_that_can_not_start_leaves_no_network(engine: RealEngine) -> None:
    async with stage(engine, "container") as theatre:
        with pytest.raises(RuntimeFailure):
            await theatre.start("no-such-program")
        assert theatre.networks() == {theatre.id}


async def test_what_a_supervisor_left_half_done_is_removed(engine: RealEngine) -> None:
    async with stage(engine, "container") as theatre:
        network = (await theatre.driver.networks.attach("web-v1-1", "web")).network
        assert network in theatre.networks()
        await theatre.open()
        assert network not in theatre.networks()


async def test_a_proxy_that_comes_late_or_anew_is_connected_to_everybody(engine: RealEngine) -> None:
    async with stage(engine, "container") as theatre:
        await theatre.start(instance="web-v1-1")
        engine.api.remove_container(theatre.driver.networks.proxy_container, force=True)
        while_away = await theatre.driver.start(theatre.spec("sleep", "600", instance="web-v1-2"))
        await theatre._stand_in_for_the_proxy(theatre.driver)
        proxy = engine.api.inspect_container(theatre.driver.networks.proxy_container)
        assert set(proxy["NetworkSettings"]["Networks"]) >= {f"{theatre.id}-web-v1-1", f"{theatre.id}-web-v1-2"}
        assert while_away.host


async def test_a_proxy_that_comes_while_a_network_is_being_made(engine: RealEngine) -> None:
    """The instance has a number already, and the engine no network for it yet."""
    async with stage(engine, "container") as theatre:
        networks = theatre.driver.networks
        engine.api.stop(networks.proxy_container, timeout=0)
        networks._free_network("web-v1-1", "web")
        await networks.proxy_exists()
        engine.api.start(networks.proxy_container)


async def test_a_proxy_on_its_way_out_keeps_no_instance_from_starting(
    engine: RealEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(engine, "container") as theatre:
        networks = theatre.driver.networks
        calls: Any = networks._calls._engine

        class Leaving:
            def connect_container_to_network(self, container: str, *more: object, **words: object) -> None:
                said = f"Container {container} is marked for removal and cannot be connected to the network"
                raise APIError("500 Server Error", explanation=said)

        async def call(ask: Callable[[Any], Any], *, place: str = "docker") -> Any:
            try:
                return ask(Leaving())
            except APIError as error:
                raise explained(error, place) from error
            except AttributeError:
                return await Engine.call(calls, ask, place=place)

        monkeypatch.setattr(calls, "call", call)
        assert (await networks.attach("web-v1-1", "web")).network == f"{theatre.id}-web-v1-1"


async def test_damaged_notes_are_set_aside_and_the_networks_made_anew(theatre: Stage) -> None:
    running = await theatre.start()
    notes = theatre.paths.docker / "network.json"
    notes.write_text("{")
    await theatre.open()
    assert list(theatre.paths.docker.glob("*.corrupt*"))
    assert await theatre.driver.running() == ()  # it had lost its network
    assert (await theatre.start()).container != running.container


async def test_an_engine_that_has_forgotten_the_network_gets_another(theatre: Stage, engine: RealEngine) -> None:
    await theatre.driver.close()
    theatre.drivers.clear()
    engine.api.remove_network(theatre.id)
    await theatre.open()
    assert theatre.networks() == {theatre.id}


async def test_a_network_of_that_name_which_is_not_ours_stays(engine: RealEngine, paths: ProjectPaths) -> None:
    made = engine.api.create_network("sandbox-test-foreign", driver="bridge")["Id"]
    connected = await Engine.connect(engine.variables)
    try:
        calls = NetworkCalls(connected, "test-1")
        with pytest.raises(RuntimeFailure, match="there is a network sandbox-test-foreign that is not ours") as failure:
            await calls.create("sandbox-test-foreign", IPv4Network("198.18.77.0/24"), "mesh", {})
        assert failure.value.hint == "docker network rm sandbox-test-foreign"
        assert await calls.subnets("sandbox-test-foreign") is None
        assert await calls.subnets("no-such-network") is None
    finally:
        await connected.close()
        engine.api.remove_network(made)


async def test_what_a_killed_supervisor_asked_for_gives_way_even_if_it_came_twice(
    theatre: Stage, engine: RealEngine
) -> None:
    calls, name = NetworkCalls(theatre.driver._engine, theatre.id), f"{theatre.id}-late"
    wanted = {"driver": "bridge", "labels": labels.of_network(theatre.id, name, "private")}
    for _ in range(2):
        engine.api.create_network(name, **wanted)
    assert len(await calls.subnets(name) or ()) == 2

    await calls.create(name, IPv4Network("198.18.78.0/24"), "private", {})

    assert await calls.subnets(name) == ["198.18.78.0/24"]
    await calls.remove(name)
    assert await calls.subnets(name) is None


async def test_ranges_that_others_hold_are_avoided(theatre: Stage, engine: RealEngine) -> None:
    mesh = await theatre.driver.configure(theatre.project, SERVICES, {})
    async with stage(engine) as neighbour:
        theirs = await neighbour.driver.configure(neighbour.project, SERVICES, {})
        assert not IPv4Network(mesh.pool).overlaps(IPv4Network(theirs.pool))


async def test_removing_a_network_that_is_gone_is_no_error(theatre: Stage) -> None:
    calls = NetworkCalls(theatre.driver._engine, theatre.id)
    await calls.remove("no-such-network")


async def test_a_network_that_somebody_joined_by_hand_is_removed_too(theatre: Stage, engine: RealEngine) -> None:
    guest = engine.api.create_container(engine.image("python"), ["sleep", "60"])["Id"]
    try:
        engine.api.start(guest)
        engine.api.connect_container_to_network(guest, theatre.id)
        await theatre.driver.clear()
        assert theatre.networks() == set()
        assert engine.api.inspect_container(guest)["State"]["Running"]
    finally:
        engine.api.remove_container(guest, force=True)


def test_what_keeps_envoy_from_listening() -> None:
    port = free_port()
    assert in_the_way("127.0.0.1", [port]) == []
    assert in_the_way("192.0.2.1", [port]) == ["the engine's networks are not on this machine"]
    with socket.create_server(("127.0.0.1", port)):
        (reason,) = in_the_way("127.0.0.1", [port, port])
    assert reason.startswith(f"port {port} is taken on every address of this machine by ")
