"""Callers and callees that share an address, through a real Envoy. Loopback addresses play the callers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from aiohttp import web

from sandbox.errors import ProxyError
from sandbox.model import BackendRef, HeaderMatch, Match, Port, Rule, Timeouts, TrafficPolicy
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService, Published, Relay, Topology
from tests.proxy.mesh import LOOPBACK, Mesh, a_service, free_port
from tests.proxy.peers import GRPC, TCP, connection, greet, said, talker

STORE, STOCK, STRANGER = "127.0.0.11", "127.0.0.12", "127.0.0.99"


@pytest.fixture
def here() -> Address:
    """What every caller finds its callees at."""
    return Address(LOOPBACK, free_port())


def caller(
    name: str, host: str, at: Address, *callees: MeshService, undeclared: tuple[MeshService, ...] = ()
) -> Caller:
    return Caller(
        name=name,
        http_proxy=None,
        edges=edges(at, callees),
        undeclared=edges(at, undeclared),
        source=f"{host}/32",
    )


def edges(at: Address, callees: tuple[MeshService, ...]) -> tuple[EdgeListener, ...]:
    return tuple(EdgeListener(callee=one.name, port=port.number, bind=at) for one in callees for port in one.ports)


@pytest.fixture
async def shop(mesh: Mesh, here: Address) -> Mesh:
    """`store` calls `orders` and `stock`, `stock` calls `orders`: all at one address."""
    store, orders, stock = (a_service(name) for name in ("store", "orders", "stock"))
    mesh.declare(
        store,
        orders,
        stock,
        callers=(
            caller("store", STORE, here, orders, stock),
            caller("stock", STOCK, here, orders, undeclared=(store,)),
        ),
    )
    for name in ("store", "orders", "stock"):
        mesh.instances(name, await mesh.upstream(name))
    await mesh.apply()
    return mesh


@dataclass
class Connection:
    """One kept connection from a chosen address."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def get(self, host: str = "x", path: str = "/", **headers: str) -> tuple[int, str]:
        return await self.send("GET", host, path, b"", **headers)

    async def send(self, method: str, host: str, path: str, body: bytes, **headers: str) -> tuple[int, str]:
        """Status and body of an answer after which the connection stays."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert "connection: close" not in head
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split()[1]), (await self.reader.readexactly(length)).decode()

    async def name(self, host: str = "x", **headers: str) -> str:
        """Which upstream answers."""
        status, body = await self.get(host, **headers)
        assert status == 200
        return str(json.loads(body)["name"])

    async def refused(self) -> bool:
        """Whether it is ended without a byte."""
        try:
            self.writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            async with asyncio.timeout(5):
                return await self.reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def connected(host: str, to: Address) -> AsyncIterator[Connection]:
    async with connection(to, host) as (reader, writer):
        yield Connection(reader, writer)


async def counted(mesh: Mesh) -> dict[str, int]:
    """Requests by edge."""
    stats = await mesh.admin.stats(r"\|.*upstream_rq_total$")
    return {name.removeprefix("cluster.").partition(".")[0]: value for name, value in stats.items() if value}


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("orders", "orders"),
        ("ORDERS", "orders"),
        ("orders:8000", "orders"),
        ("orders:80", "orders"),
        ("stock", "stock"),
    ],
)
async def test_the_host_name_chooses_the_callee(shop: Mesh, here: Address, host: str, answers: str) -> None:
    async with connected(STORE, here) as store:
        assert await store.name(host) == answers


async def test_the_source_tells_who_is_calling(shop: Mesh, here: Address) -> None:
    async with connected(STORE, here) as store, connected(STOCK, here) as stock:
        for _ in range(2):
            await store.name("orders")
        await stock.name("orders")
    assert await counted(shop) == {"edge|store|orders|v1|8000": 2, "edge|stock|orders|v1|8000": 1}


async def test_strangers_are_refused(shop: Mesh, here: Address) -> None:
    async with connected(STRANGER, here) as stranger:
        assert await stranger.refused()
    assert await counted(shop) == {}


async def test_an_address_that_is_nobodys_is_refused_though_a_callers_range_has_it(shop: Mesh, here: Address) -> None:
    store, *others = shop.topology.callers
    shop.declare(*shop.topology.services, callers=(replace(store, source="127.0.0.8/29"), *others[1:]))
    shop.topology = replace(shop.topology, nobody=("127.0.0.9",))
    await shop.apply()
    async with connected(STORE, here) as caller, connected("127.0.0.9", here) as machine:
        assert await caller.name("orders") == "orders"
        assert await machine.refused()
        shop.topology = replace(shop.topology, nobody=("127.0.0.9", "127.0.0.10"))
        await shop.apply()
        assert await caller.name("orders") == "orders"  # on the connection that was open
    async with connected("127.0.0.10", here) as machine:
        assert await machine.refused()


async def test_a_host_that_is_not_there_is_told_what_is(shop: Mesh, here: Address) -> None:
    async with connected(STORE, here) as store:
        assert await store.get("nobody") == (
            404,
            "sandbox: nobody is not reachable at this address, but these are: orders, stock.\n",
        )


async def test_an_only_callee_answers_to_any_host(mesh: Mesh, here: Address) -> None:
    orders = a_service("orders")
    mesh.declare(orders, callers=(caller("store", STORE, here, orders),))
    mesh.instances("orders", await mesh.upstream("orders"))
    await mesh.apply()
    async with connected(STORE, here) as store:
        assert await store.name("shop.example") == "orders"


async def test_an_only_declared_callee_gets_what_names_nobody(shop: Mesh, here: Address) -> None:
    """As from a client that passes on the host by which it was called."""
    async with connected(STOCK, here) as stock:
        assert await stock.name("shop.example") == "orders"


async def test_of_a_callees_two_ports_the_first_answers_to_its_name(mesh: Mesh, here: Address) -> None:
    orders = a_service("orders", ports=(Port(number=8000), Port(number=9000)))
    mesh.declare(orders, callers=(caller("store", STORE, here, orders),))
    for port in (8000, 9000):
        mesh.instances("orders", await mesh.upstream(str(port)), port=port)
    await mesh.apply()
    async with connected(STORE, here) as store:
        assert [await store.name(host) for host in ("orders", "orders:9000", "orders:8000")] == ["8000", "9000", "8000"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_declared_is_reached_too_and_counted_apart(shop: Mesh, here: Address, method: str) -> None:
    async with connected(STOCK, here) as stock:
        status, body = await stock.send(method, "store", "/", b"x" * 100_000)
    assert (status, json.loads(body)["size"]) == (200, 100_000)
    assert await counted(shop) == {"undeclared|store|v1|8000": 1}


async def test_each_callee_keeps_its_own_policy(mesh: Mesh, here: Address) -> None:
    async def forever(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    canary = Rule(
        matches=(Match(headers=(HeaderMatch(name="canary", value="1"),)),), backends=(BackendRef(version="v2"),)
    )
    orders = a_service(
        "orders",
        versions=("v1", "v2"),
        policy=TrafficPolicy(rules=(canary, Rule(backends=(BackendRef(version="v1"),)))),
    )
    stock = a_service("stock", policy=TrafficPolicy(rules=(Rule(timeouts=Timeouts(request=0.05)),)))
    mesh.declare(orders, stock, callers=(caller("store", STORE, here, orders, stock),))
    for version in ("v1", "v2"):
        mesh.instances("orders", await mesh.upstream(version), version=version)
    mesh.instances("stock", await mesh.upstream("stock", forever))
    await mesh.apply()
    async with connected(STORE, here) as store:
        assert [await store.name("orders"), await store.name("orders", canary="1")] == ["v1", "v2"]
        assert (await store.get("stock"))[0] == 504


async def test_grpc_and_http_share_an_address(mesh: Mesh, greeter: Address, here: Address) -> None:
    hello, orders = a_service("hello", ports=GRPC), a_service("orders")
    mesh.declare(hello, orders, callers=(caller("store", LOOPBACK, here, hello, orders),))
    mesh.instances("hello", greeter, port=50051)
    mesh.instances("orders", await mesh.upstream("orders"))
    await mesh.apply()
    assert await greet(here, authority="hello:50051") == b"hello you"
    async with connected(LOOPBACK, here) as store:
        assert await store.name("orders") == "orders"


async def test_what_is_http_to_one_caller_is_tcp_to_another(mesh: Mesh, here: Address) -> None:
    orders, database = a_service("orders"), a_service("database", ports=TCP)
    mesh.declare(
        orders,
        database,
        callers=(
            caller("store", STORE, here, orders),
            caller("orders", STOCK, here, database),
            caller("stock", STRANGER, here, undeclared=(database,)),
        ),
    )
    mesh.instances("orders", await mesh.upstream("orders"))
    async with talker(b"rows") as database_address:
        mesh.instances("database", database_address, port=5432)
        await mesh.apply()
        async with connected(STORE, here) as store:
            assert await store.name() == "orders"
        assert [await said(here, host) for host in (STOCK, STRANGER)] == [b"rows", b"rows"]
    connections = await mesh.admin.stats(r"database.*upstream_cx_total$")
    assert connections == {
        "cluster.edge|orders|database|*|5432.upstream_cx_total": 1,
        "cluster.undeclared|database|*|5432.upstream_cx_total": 1,
    }


async def test_tcp_beside_another_callee_is_refused_before_envoy_sees_it(mesh: Mesh, here: Address) -> None:
    orders, database = a_service("orders"), a_service("database", ports=TCP)
    mesh.declare(orders, database, callers=(caller("store", STORE, here, orders, database),))
    with pytest.raises(ProxyError, match="can't reach both orders and database here") as failure:
        await mesh.apply()
    assert failure.value.place == str(here)


async def test_callers_that_cant_be_told_apart_never_reach_envoy(shop: Mesh, here: Address) -> None:
    orders = shop.topology.services[1]
    for wide in ("127.0.0.0/8", "127.0.0.11/32", None):
        late = replace(caller("late", STRANGER, here, orders), source=wide)
        shop.declare(*shop.topology.services, callers=(*shop.topology.callers[:2], late))
        with pytest.raises(ProxyError, match="can't be told apart"):
            await shop.apply()


async def test_the_address_may_be_one_that_the_machine_gets_later(mesh: Mesh) -> None:
    orders = a_service("orders")
    mesh.declare(orders, callers=(caller("store", STORE, Address("192.0.2.1", free_port()), orders),))
    await mesh.apply()
    assert mesh.plane.rejected == ()


# --- changes ------------------------------------------------------------------------------------------------------


class Busy:
    """Callers that never pause on connections that they keep; any failure, close included, ends them."""

    def __init__(self) -> None:
        self.requests = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, host: str, to: Address, callee: str) -> None:
        self._tasks.append(asyncio.create_task(self._run(host, to, callee)))

    async def more(self, count: int = 20) -> None:
        wanted = self.requests + count
        async with asyncio.timeout(10):
            while self.requests < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.002)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, host: str, to: Address, callee: str) -> None:
        async with connected(host, to) as connection:
            while True:
                assert await connection.name(callee) == callee
                self.requests += 1


async def test_services_come_and_go_and_kept_connections_of_others_stay(shop: Mesh, here: Address) -> None:
    """Envoy updates filter chains in place: only what differs drains."""
    before, busy, rounds = shop.topology, Busy(), 10
    for host, callee in ((STORE, "orders"), (STORE, "stock"), (STOCK, "orders"), (STOCK, "store")):
        busy.start(host, here, callee)
    async with connected(STORE, here) as idle:
        assert await idle.name("orders") == "orders"
        for number in range(rounds):
            name, host = f"late-{number}", f"127.0.1.{number + 1}"
            shop.instances(name, await shop.upstream(name))
            shop.topology = with_another(before, here, name, host)
            await shop.apply()
            async with connected(host, here) as late, connected(STORE, here) as store:
                assert [await late.name("orders"), await store.name(name)] == ["orders", name]
                await busy.more()
                shop.topology = before
                await shop.apply()
            async with connected(host, here) as late:
                assert await late.refused()
            await busy.more()
        assert await idle.name("orders") == "orders"
    await busy.stop()
    updates = await shop.admin.stats("listener_(in_place_updated|modified)$")
    assert updates["listener_manager.listener_in_place_updated"] == 2 * rounds


def with_another(before: Topology, here: Address, name: str, host: str) -> Topology:
    """One more service, which calls `orders`, and which everybody can call."""
    another = a_service(name)
    callers = tuple(replace(one, undeclared=one.undeclared + edges(here, (another,))) for one in before.callers)
    new = caller(name, host, here, before.services[1])
    return replace(before, services=(*before.services, another), callers=(*callers, new))


async def test_a_service_that_leaves_ends_its_own_connections(shop: Mesh, here: Address) -> None:
    before = shop.topology
    async with connected(STORE, here) as store, connected(STOCK, here) as stock:
        assert [await store.name("orders"), await stock.name("orders")] == ["orders", "orders"]
        shop.topology = replace(before, callers=before.callers[:1])
        await shop.apply()
        stock.writer.write(b"GET / HTTP/1.1\r\nhost: orders\r\n\r\n")
        head = await stock.reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        assert await store.name("orders") == "orders"


async def test_a_new_control_plane_of_the_same_content_updates_no_listener(shop: Mesh, here: Address) -> None:
    async with connected(STORE, here) as store:
        await shop.new_plane()
        await shop.apply()
        assert await store.name("orders") == "orders"
    updates = await shop.admin.stats("listener_(in_place_updated|modified)$")
    assert updates.get("listener_manager.listener_in_place_updated", 0) == 0


async def test_an_http_proxy_is_its_callers_alone(shop: Mesh) -> None:
    bind = Address(LOOPBACK, free_port())
    first = replace(shop.topology.callers[0], http_proxy=bind)
    shop.declare(*shop.topology.services, callers=(first, *shop.topology.callers[1:]))
    await shop.apply()
    async with connected(STORE, bind) as store, connected(STOCK, bind) as stock:
        assert await store.name("orders") == "orders"
        assert await stock.refused()


# --- relays and ingress -------------------------------------------------------------------------------------------


async def test_a_relay_hands_on_what_its_sources_say(mesh: Mesh, here: Address) -> None:
    async with talker(b"heard") as receiver:
        to = Address("localhost", receiver.port)
        mesh.topology = replace(
            mesh.topology, relays=(Relay(name="otlp", bind=here, to=to, sources=(f"{STORE}/32", f"{STOCK}/32")),)
        )
        await mesh.apply()
        assert [await said(here, host) for host in (STORE, STOCK, STRANGER)] == [b"heard", b"heard", b""]


async def test_a_relay_that_one_more_may_use_keeps_the_connections_of_others(mesh: Mesh, here: Address) -> None:
    upstream = await mesh.upstream("receiver")
    relay = Relay(name="otlp", bind=here, to=upstream.address, sources=(f"{STORE}/32",))
    mesh.topology = replace(mesh.topology, relays=(relay,))
    await mesh.apply()
    async with connected(STORE, here) as store:
        assert await store.name() == "receiver"
        mesh.topology = replace(mesh.topology, relays=(replace(relay, sources=(*relay.sources, f"{STOCK}/32")),))
        await mesh.apply()
        assert await store.name() == "receiver"
    updates = await mesh.admin.stats("listener_in_place_updated$")
    assert updates == {"listener_manager.listener_in_place_updated": 1}


async def test_gateway_and_published_ports_are_open_to_one_range(mesh: Mesh, here: Address) -> None:
    mesh.declare(a_service("store", public=True), published=(Published(service="store", port=8000, bind=here),))
    mesh.topology = replace(mesh.topology, ingress_source=f"{STORE}/32")
    mesh.instances("store", await mesh.upstream("store"))
    await mesh.apply()
    for address in (mesh.gateway, here):
        async with connected(STORE, address) as allowed, connected(STRANGER, address) as stranger:
            assert await allowed.name() == "store"
            assert await stranger.refused()
