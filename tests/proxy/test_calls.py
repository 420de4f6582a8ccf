"""Calls between services, through a real Envoy."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from sandbox.model import BackendRef, Port, Rule, TrafficPolicy
from sandbox.proxy.control_plane import AddressTakenError
from sandbox.proxy.topology import Address
from tests.proxy.mesh import Mesh, a_caller, a_service
from tests.proxy.peers import GRPC, TCP, connection, greet, said, talker

TWO_PORTS = (Port(number=8000), Port(number=9000))


@pytest.fixture
async def shop(mesh: Mesh) -> Mesh:
    """`store` declares that it calls `orders`, but not `stock`."""
    store, orders, stock = a_service("store"), a_service("orders", ports=TWO_PORTS), a_service("stock")
    mesh.declare(store, orders, stock, callers=(a_caller("store", orders), a_caller("orders", stock)))
    mesh.instances("orders", await mesh.upstream("orders"))
    mesh.instances("orders", await mesh.upstream("orders on 9000"), port=9000)
    mesh.instances("stock", await mesh.upstream("stock"))
    await mesh.apply()
    return mesh


async def test_each_declared_port_has_an_address_of_its_own(shop: Mesh) -> None:
    assert (await shop.get(shop.edge("store", "orders"))).name == "orders"
    assert (await shop.get(shop.edge("store", "orders", 9000))).name == "orders on 9000"


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("orders", "orders"),
        ("orders:8000", "orders"),
        ("orders:1234", "orders"),
        ("orders:9000", "orders on 9000"),
        ("stock", "stock"),
        ("stock:81", "stock"),
    ],
)
async def test_services_are_found_by_name_through_the_http_proxy(shop: Mesh, host: str, answers: str) -> None:
    answer = await shop.get(host, proxy=shop.http_proxy("store"), headers={"x-sandbox-caller": "forged"})
    assert answer.name == answers
    assert answer.seen("Host") == [host]
    assert answer.seen("x-sandbox-caller") == []


async def test_calls_are_counted_for_their_caller(shop: Mesh) -> None:
    await shop.get("orders", proxy=shop.http_proxy("store"))
    await shop.get("stock", proxy=shop.http_proxy("store"))
    await shop.get("stock", proxy=shop.http_proxy("orders"))
    counted = {name: value for name, value in (await shop.admin.stats(r"\|.*upstream_rq_total$")).items() if value}
    assert counted == {
        "cluster.edge|store|orders|v1|8000.upstream_rq_total": 1,
        "cluster.undeclared|stock|v1|8000.upstream_rq_total": 1,
        "cluster.edge|orders|stock|v1|8000.upstream_rq_total": 1,
    }


async def test_other_hosts_pass_through(shop: Mesh) -> None:
    outside = await shop.upstream("outside")
    answer = await shop.get(f"localhost:{outside.address.port}", proxy=shop.http_proxy("store"))
    assert (answer.name, answer.seen("Host")) == ("outside", [f"localhost:{outside.address.port}"])


async def test_a_host_that_does_not_exist_is_explained(shop: Mesh) -> None:
    answer = await shop.get("nobody.invalid", proxy=shop.http_proxy("store"))
    assert answer.status == 503
    assert answer.text.startswith("sandbox: nobody.invalid is not a service of this project")


async def test_other_hosts_go_through_the_users_own_proxy(shop: Mesh) -> None:
    parent = await shop.upstream("parent")
    shop.declare(*shop.topology.services, callers=shop.topology.callers, parent_proxy=parent.address)
    await shop.apply()
    answer = await shop.get("elsewhere.example", "/x", proxy=shop.http_proxy("store"))
    assert answer.name == "parent"
    assert '"path": "http://elsewhere.example/x"' in answer.text


@pytest.mark.parametrize("host", ["orders:80", "stock:80", "outside"])
async def test_tunnels_are_dug_for_clients_that_want_one(shop: Mesh, host: str) -> None:
    outside = await shop.upstream("outside")
    target = str(outside.address) if host == "outside" else host
    proxy = shop.topology.callers[0].http_proxy
    assert proxy is not None
    async with connection(proxy) as (reader, writer):
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert f'"name": "{host.partition(":")[0]}"'.encode() in await reader.readuntil(b"}")


async def test_a_proxy_of_its_own_tells_callers_apart_even_on_one_connection_each(shop: Mesh) -> None:
    for caller in ("store", "orders", "store"):
        await shop.get("stock", proxy=shop.http_proxy(caller))
    stats = await shop.admin.stats(r"stock\|v1\|8000\.upstream_rq_total$")
    assert {name: value for name, value in stats.items() if value} == {
        "cluster.undeclared|stock|v1|8000.upstream_rq_total": 2,
        "cluster.edge|orders|stock|v1|8000.upstream_rq_total": 1,
    }


async def test_grpc_end_to_end(mesh: Mesh, greeter: Address) -> None:
    hello = a_service("hello", ports=GRPC, public=True)
    mesh.declare(hello, callers=(a_caller("store", hello),))
    mesh.instances("hello", greeter, port=50051)
    await mesh.apply()
    for address in (mesh.edge("store", "hello", 50051), mesh.gateway):
        assert await greet(address) == b"hello you"


async def test_a_port_that_changes_to_grpc_is_served_at_once(mesh: Mesh, greeter: Address) -> None:
    before = a_service("hello", ports=(Port(number=50051),))
    caller = a_caller("store", before)
    mesh.declare(before, callers=(caller,))
    mesh.instances("hello", greeter, port=50051)
    await mesh.apply()
    mesh.declare(a_service("hello", ports=GRPC), callers=(caller,))
    await mesh.apply()
    assert await greet(mesh.edge("store", "hello", 50051)) == b"hello you"


async def test_grpc_clients_get_a_status_when_no_instance_is_ready(mesh: Mesh) -> None:
    hello = a_service("hello", ports=GRPC)
    mesh.declare(hello, callers=(a_caller("store", hello),))
    await mesh.apply()
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await greet(mesh.edge("store", "hello", 50051))
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "hello (v1) has no ready instance" in str(failure.value.details())


async def test_tcp_versions_share_connections_by_weight(mesh: Mesh) -> None:
    rule = Rule(backends=(BackendRef(version="v1", weight=3), BackendRef(version="v2", weight=1)))
    store = a_service("database", versions=("v1", "v2"), ports=TCP, policy=TrafficPolicy(rules=(rule,)))
    mesh.declare(store, callers=(a_caller("store", store),))
    async with talker(b"one") as one, talker(b"two") as two:
        mesh.instances("database", one, version="v1", port=5432)
        mesh.instances("database", two, version="v2", port=5432)
        await mesh.apply()
        answers = [await said(mesh.edge("store", "database", 5432)) for _ in range(40)]
        assert (answers.count(b"one"), answers.count(b"two")) == (30, 10)
        mesh.instances("database", version="v1", port=5432)
        await mesh.apply()
        assert await said(mesh.edge("store", "database", 5432)) == b"two"


async def test_an_address_that_is_taken_is_named_and_the_rest_stays(shop: Mesh) -> None:
    before = shop.topology
    late = a_caller("stock", before.services[1])
    async with talker(b"mine") as taken:
        clashing = replace(late, edges=(replace(late.edges[0], bind=taken),))
        shop.declare(*before.services, callers=(*before.callers, clashing))
        with pytest.raises(AddressTakenError) as failure:
            await shop.apply()
        assert failure.value.addresses == (taken,)
        assert shop.plane.rejected
        assert (await shop.get(shop.edge("store", "orders"))).name == "orders"
        shop.declare(*before.services, callers=(*before.callers, late))
        await shop.apply()
        assert (await shop.get(shop.edge("stock", "orders"))).name == "orders"
        assert shop.plane.rejected == ()
