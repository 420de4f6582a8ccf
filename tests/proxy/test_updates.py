"""Changes while traffic flows, through a real Envoy."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import ClientSession, web

from sandbox.errors import ProxyError
from sandbox.model import BackendRef, DirectResponse, HeaderMatch, Match, MatchType, Rule, TrafficPolicy
from sandbox.proxy.topology import Address, MeshService
from tests.proxy.changes import POLICIES, policies, watching
from tests.proxy.mesh import Mesh, Upstream, a_caller, a_service, eventually
from tests.proxy.steered import steered

BAD_PATTERN = Rule(
    matches=(Match(headers=(HeaderMatch(name="x", value="(", type=MatchType.REGULAR_EXPRESSION),)),),
    backends=(BackendRef(version="v1"),),
)


@pytest.fixture
async def shop(mesh: Mesh) -> Mesh:
    orders = a_service("orders")
    mesh.declare(orders, callers=(a_caller("store", orders),))
    mesh.instances("orders", await mesh.upstream("first"))
    await mesh.apply()
    return mesh


def orders_with(*rules: Rule, versions: tuple[str, ...] = ("v1",)) -> MeshService:
    return a_service("orders", versions=versions, policy=TrafficPolicy(rules=rules))


class Load:
    """Clients that keep their connections and never pause; counts what they get."""

    def __init__(self) -> None:
        self.answers: Counter[int | str] = Counter()

    async def run(self, address: Address) -> None:
        async with ClientSession() as session:
            while True:
                try:
                    async with session.post(f"http://{address}/") as response:
                        await response.read()
                        self.answers[response.status] += 1
                except OSError as error:
                    self.answers[repr(error)] += 1

    async def more(self, count: int = 50) -> None:
        wanted = self.answers.total() + count
        await eventually(lambda: self.answers.total() >= wanted)


@asynccontextmanager
async def load(address: Address, clients: int = 4) -> AsyncIterator[Load]:
    running = Load()
    tasks = [asyncio.create_task(running.run(address)) for _ in range(clients)]
    try:
        await running.more()
        yield running
        await running.more()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_endpoints_move_under_load_without_a_failure(shop: Mesh) -> None:
    upstreams = [await shop.upstream("a"), await shop.upstream("b")]
    async with load(shop.edge("store", "orders")) as running:
        for round_ in range(20):
            shop.instances("orders", upstreams[round_ % 2])
            await shop.apply()
            await running.more(10)
    assert set(running.answers) == {200}


async def test_what_apply_has_returned_from_is_in_force(shop: Mesh) -> None:
    upstreams = [await shop.upstream("a"), await shop.upstream("b")]
    for round_ in range(20):
        shop.instances("orders", upstreams[round_ % 2])
        await shop.apply()
        assert (await shop.get(shop.edge("store", "orders"))).name == "ab"[round_ % 2]


async def test_a_version_comes_and_goes_under_load_without_a_failure(shop: Mesh) -> None:
    caller, second = shop.topology.callers[0], await shop.upstream("second")
    everything = Rule(backends=(BackendRef(version="v2"),))
    async with load(shop.edge("store", "orders")) as running:
        for _ in range(5):
            shop.instances("orders", second, version="v2")
            shop.declare(orders_with(everything, versions=("v1", "v2")), callers=(caller,))
            await shop.apply()
            assert (await shop.get(shop.edge("store", "orders"))).name == "second"
            shop.instances("orders", version="v2")
            shop.declare(orders_with(), callers=(caller,))
            await shop.apply()
            assert (await shop.get(shop.edge("store", "orders"))).name == "first"
    assert set(running.answers) == {200}


async def test_a_version_that_loses_its_instances_is_left_without_a_failure(shop: Mesh) -> None:
    caller, second = shop.topology.callers[0], await shop.upstream("second")
    shop.declare(orders_with(versions=("v1", "v2")), callers=(caller,))
    async with load(shop.edge("store", "orders")) as running:
        for instances in ([second], [], [second], []):
            shop.instances("orders", *instances, version="v2")
            await shop.apply()
            await running.more(20)
    assert set(running.answers) == {200}


async def test_a_new_service_is_served_at_once_and_open_connections_stay(shop: Mesh) -> None:
    reader, writer = await asyncio.open_connection(*_split(shop.edge("store", "orders")))
    stock = a_service("stock")
    shop.declare(*shop.topology.services, stock, callers=(*shop.topology.callers, a_caller("orders", stock)))
    shop.instances("stock", await shop.upstream("stock"))
    await shop.apply()
    assert (await shop.get(shop.edge("orders", "stock"))).name == "stock"
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" not in head.lower()
    writer.close()


async def test_a_service_that_leaves_takes_its_address_with_it(shop: Mesh) -> None:
    gone = shop.edge("store", "orders")
    shop.declare()
    await shop.apply()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*_split(gone))
    assert await shop.admin.stats("cluster_manager.warming_clusters") == {"cluster_manager.warming_clusters": 0}


async def test_what_envoy_refuses_is_said_in_its_words_and_the_last_good_goes_on(shop: Mesh) -> None:
    good = shop.topology
    async with load(shop.edge("store", "orders")) as running:
        shop.declare(orders_with(BAD_PATTERN), callers=good.callers)
        with pytest.raises(ProxyError, match="missing \\)"):
            await shop.apply()
        assert "missing )" in shop.plane.rejected[0]
    assert set(running.answers) == {200}


async def test_while_one_change_is_refused_instances_still_come_and_go(
    shop: Mesh, caplog: pytest.LogCaptureFixture
) -> None:
    callers = shop.topology.callers
    shop.declare(orders_with(BAD_PATTERN), callers=callers)
    for name in ("second", "third"):
        shop.instances("orders", await shop.upstream(name))
        with pytest.raises(ProxyError):
            await shop.apply()
        assert (await shop.get(shop.edge("store", "orders"))).name == name
    assert caplog.text.count("Envoy refused") == 1
    shop.declare(orders_with(), callers=callers)
    await shop.apply()
    assert shop.plane.rejected == ()


async def test_a_topology_that_contradicts_itself_never_reaches_envoy(shop: Mesh) -> None:
    caller = a_caller("stock", *shop.topology.services)
    twice = replace(caller, http_proxy=shop.edge("store", "orders"), edges=())
    shop.declare(*shop.topology.services, callers=(*shop.topology.callers, twice))
    with pytest.raises(ProxyError, match="want the same address"):
        await shop.apply()
    assert (await shop.get(shop.edge("store", "orders"))).name == "first"


async def test_a_new_control_plane_of_the_same_content_sends_nothing(shop: Mesh) -> None:
    changes = "(cds|lds).config_reload$|listener_(added|modified|create)|cluster_(added|modified)"
    before = await shop.admin.stats(changes)
    async with load(shop.edge("store", "orders")) as running:
        await shop.new_plane()
        await running.more()
        await shop.apply()
    assert set(running.answers) == {200}
    assert "listener_manager.listener_added" in before
    assert await shop.admin.stats(changes) == before


async def test_a_new_control_plane_with_another_content_moves_envoy_to_it(shop: Mesh) -> None:
    stock = a_service("stock")
    async with load(shop.edge("store", "orders")) as running:
        await shop.new_plane()
        shop.declare(*shop.topology.services, stock, callers=(*shop.topology.callers, a_caller("orders", stock)))
        shop.instances("stock", await shop.upstream("stock"))
        await shop.apply()
        assert (await shop.get(shop.edge("orders", "stock"))).name == "stock"
        shop.declare(shop.topology.services[0], callers=shop.topology.callers[:1])
        await shop.new_plane()
        await shop.apply()
    assert set(running.answers) == {200}
    assert len(await shop.admin.stats("cluster.*stock.*")) == 0


async def test_a_new_envoy_is_given_everything(shop: Mesh) -> None:
    shop.stop_envoy()
    await eventually(lambda: not shop.plane.connected)
    shop.instances("orders", await shop.upstream("second"))
    await shop.apply()
    await shop.start_envoy()
    await shop.apply()
    assert (await shop.get(shop.edge("store", "orders"))).name == "second"
    assert (await shop.get("orders", proxy=shop.http_proxy("store"))).name == "second"


async def test_without_an_envoy_the_wish_is_kept(mesh: Mesh) -> None:
    mesh.stop_envoy()
    await eventually(lambda: not mesh.plane.connected)
    mesh.declare(a_service("store", public=True))
    mesh.instances("store", await mesh.upstream("store"))
    await mesh.apply()
    with pytest.raises(TimeoutError):
        await mesh.plane.wait_connected(0.01)
    await mesh.start_envoy()
    await mesh.apply()
    assert (await mesh.get(mesh.gateway)).name == "store"


async def test_the_newest_of_many_wishes_wins(shop: Mesh) -> None:
    upstreams: list[Upstream] = [await shop.upstream(str(number)) for number in range(10)]
    wishes = []
    for upstream in upstreams:
        shop.instances("orders", upstream)
        wishes.append(asyncio.create_task(shop.apply()))
        await asyncio.sleep(0)
    await asyncio.gather(*wishes)
    assert (await shop.get(shop.edge("store", "orders"))).name == "9"


async def test_it_answers_readiness_memory_and_drains(shop: Mesh) -> None:
    assert await shop.admin.ready()
    assert (await shop.admin.server_info())["state"] == "LIVE"
    assert (await shop.admin.memory())["allocated"] > 0
    assert shop.process is not None
    await shop.admin.quit()
    assert await asyncio.to_thread(shop.process.wait, 5) == 0
    assert not await shop.admin.ready()
    with pytest.raises(ProxyError, match="does not answer"):
        await shop.admin.stats()


def _split(address: Address) -> tuple[str, int]:
    return address.host, address.port


async def test_policies_change_under_load_without_a_failure_and_connections_stay(mesh: Mesh) -> None:
    stage = await steered(mesh, versions=("v1", "v2"))
    changing = policies()
    async with watching(stage.where("store"), stage.where("gateway"), clients=2) as watch:
        for _ in range(5 * len(POLICIES)):
            await stage.set(next(changing))
            wanted = watch.answers.total() + 4
            await eventually(lambda wanted=wanted: watch.answers.total() >= wanted)  # type: ignore[misc]
    assert watch.failed == {}
    assert (watch.lost, watch.closing) == (0, 0)
    assert watch.answers["200"] >= 20 * len(POLICIES)


async def test_a_request_under_way_is_finished_by_the_policy_it_began_with(mesh: Mesh) -> None:
    gate, waiting = asyncio.Event(), 0

    async def waits(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return web.Response(text="done")

    stage = await steered(mesh, TrafficPolicy(concurrency=100), handlers={"v1": waits})
    asked = asyncio.create_task(stage.ask())
    await eventually(lambda: waiting == 1)
    await stage.set(TrafficPolicy())
    await stage.set(TrafficPolicy(rules=(Rule(direct_response=DirectResponse(status=418)),)))
    assert (await stage.ask()).status == 418
    gate.set()
    assert (await asked).text == "done"
