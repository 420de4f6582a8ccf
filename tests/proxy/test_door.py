"""An Envoy that is reached as one in a container is: by TCP and with tokens. (It runs here; nothing else differs.)"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from sandbox.errors import ProxyError
from sandbox.proxy.admin import Admin, admin_session
from sandbox.proxy.bearer import Guarded
from sandbox.proxy.bootstrap import Inside, container_bootstrap
from sandbox.proxy.control_plane import ControlPlane
from sandbox.proxy.door import DoorClosedError, dial
from sandbox.proxy.topology import Address
from tests.proxy.mesh import LOOPBACK, Mesh, a_service, free_port
from tests.proxy.peers import talker

ADS_TOKEN, DOOR_TOKEN = "of-the-control-plane", "of-the-door"


class ContainedMesh(Mesh):
    """`host`: what the control plane is called in the container."""

    def __init__(self, host: str = LOOPBACK) -> None:
        super().__init__()
        self.host = host
        self.door = Guarded(Address(LOOPBACK, free_port()), DOOR_TOKEN)
        self.plane = ControlPlane(Guarded(Address(LOOPBACK, 0), ADS_TOKEN))
        self.admin = Admin(self.door)

    def bootstrap(self) -> dict[str, Any]:
        assert self.plane.address is not None
        control_plane = Guarded(Address(self.host, self.plane.address.port), ADS_TOKEN)
        inside = Inside(admin_socket=self.paths.admin_socket, control_plane=control_plane, door=self.door)
        return container_bootstrap(inside, "test")

    async def dial(self, to: Address, token: str = DOOR_TOKEN) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await dial(self.door.address, token, to.host, to.port)


@pytest.fixture
async def mesh() -> AsyncIterator[ContainedMesh]:
    async with ContainedMesh() as running:
        await running.apply()
        yield running


# --- the control plane --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [LOOPBACK, "localhost"])
async def test_envoy_gets_its_configuration_by_tcp(host: str) -> None:
    async with ContainedMesh(host) as mesh:
        mesh.declare(a_service("store", public=True))
        mesh.instances("store", await mesh.upstream("store"))
        await mesh.apply()
        assert (await mesh.get(mesh.gateway)).name == "store"


@pytest.mark.parametrize(
    "given", [None, "Bearer ", "Bearer of-the-control-plan", "of-the-control-plane", "bearer of-the-control-plane"]
)
async def test_a_client_without_the_token_is_told_nothing(mesh: ContainedMesh, given: str | None) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await first_answer(mesh, given.encode() if given else None)
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert mesh.plane.connected


async def test_a_client_with_the_token_is_listened_to(mesh: ContainedMesh) -> None:
    with pytest.raises(TimeoutError):
        await first_answer(mesh, f"Bearer {ADS_TOKEN}".encode())


async def first_answer(mesh: ContainedMesh, credentials: bytes | None) -> object:
    """Of a stream that asks for nothing."""
    metadata = [("authorization", credentials)] if credentials is not None else []
    method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
    async with grpc.aio.insecure_channel(str(mesh.plane.address)) as channel, asyncio.timeout(0.5):
        return await channel.stream_stream(method)(metadata=metadata).read()


async def test_two_control_planes_never_share_a_port(mesh: ContainedMesh) -> None:
    assert mesh.plane.address is not None
    second = ControlPlane(Guarded(mesh.plane.address, "other"))
    try:
        with pytest.raises(RuntimeError):
            await second.start()
    finally:
        await second.close()


def test_tokens_do_not_show() -> None:
    assert DOOR_TOKEN not in repr(Guarded(Address(LOOPBACK, 1), DOOR_TOKEN))


# --- the door: Envoy's admin interface -----------------------------------------------------------------------------


async def test_what_envoy_says_of_itself_comes_through_the_door(mesh: ContainedMesh) -> None:
    assert await mesh.admin.ready()
    assert (await mesh.admin.server_info())["state"] == "LIVE"
    assert (await mesh.admin.memory())["allocated"] > 0
    assert "server.uptime" in await mesh.admin.stats("^server")


async def test_statistics_are_read_through_a_door_as_through_a_socket(mesh: ContainedMesh) -> None:
    read = []
    for where in (mesh.door, mesh.paths.admin_socket):
        async with (
            admin_session(where) as session,
            session.get("/stats", params={"filter": "^server.live$"}) as response,
        ):
            read.append((response.status, await response.text()))
    assert read == [(200, "server.live: 1\n")] * 2


@pytest.mark.parametrize("token", [None, "", "other", DOOR_TOKEN + "x", DOOR_TOKEN.upper()])
async def test_without_the_token_the_door_stays_shut(mesh: ContainedMesh, token: str | None) -> None:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    for path in ("/", "/stats", "/ready"):
        answer = await mesh.get(mesh.door.address, path, headers=headers)
        assert (answer.status, answer.text) == (403, "sandbox: this needs the proxy's token\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/quitquitquit"),
        ("GET", "/quitquitquit"),
        ("POST", "/drain_listeners"),
        ("POST", "/stats"),
        ("GET", "/"),
        ("GET", "/stats/../quitquitquit"),
        ("GET", "/logging"),
    ],
)
async def test_even_with_the_token_nothing_can_be_changed(mesh: ContainedMesh, method: str, path: str) -> None:
    headers = {"authorization": f"Bearer {DOOR_TOKEN}"}
    assert (await mesh.request(method, mesh.door.address, path, headers=headers)).status == 403
    assert await mesh.admin.ready()


async def test_an_order_that_is_refused_is_said(mesh: ContainedMesh) -> None:
    with pytest.raises(ProxyError, match="answered /quitquitquit with 403"):
        await mesh.admin.quit()


# --- the door: instances ------------------------------------------------------------------------------------------


async def test_an_instance_is_reached_by_its_address(mesh: ContainedMesh) -> None:
    upstream = await mesh.upstream("orders")
    reader, writer = await mesh.dial(upstream.address)
    body = b"x" * 1_000_000
    writer.write(b"POST /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n" + body)
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200")
    seen = json.loads(answer)
    assert (seen["name"], seen["path"], seen["size"]) == ("orders", "/healthz", len(body))
    assert DOOR_TOKEN not in str(seen["headers"])


async def test_what_an_instance_says_first_and_last_arrives(mesh: ContainedMesh) -> None:
    async with talker(b"rows") as address:
        reader, writer = await mesh.dial(address)
        assert await reader.read() == b"rows"
        writer.close()


async def test_an_instance_that_does_not_listen_is_not_reachable(mesh: ContainedMesh) -> None:
    nobody = Address(LOOPBACK, free_port())
    with pytest.raises(ConnectionRefusedError, match=f"{nobody} is not reachable"):
        await mesh.dial(nobody)


async def test_a_name_is_not_looked_up(mesh: ContainedMesh) -> None:
    upstream = await mesh.upstream("orders")
    with pytest.raises(ConnectionRefusedError):
        await mesh.dial(Address("localhost", upstream.address.port))


async def test_nothing_is_known_of_an_instance_when_the_door_is_shut(mesh: ContainedMesh) -> None:
    upstream = await mesh.upstream("orders")
    with pytest.raises(DoorClosedError, match="answered 403"):
        await mesh.dial(upstream.address, token="other")
    with pytest.raises(DoorClosedError, match="broke off"):
        async with talker(b"hello\r\n\r\n") as no_door:
            await dial(no_door, DOOR_TOKEN, *split(upstream.address))
    mesh.stop_envoy()
    with pytest.raises(DoorClosedError, match="does not answer"):
        await mesh.dial(upstream.address)
    assert upstream.seen == {}


def split(address: Address) -> tuple[str, int]:
    return address.host, address.port
