"""Spans and records of a real Envoy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from aiohttp import web

from sandbox.control import TappedRequest, TapQuery, TraceQuery
from sandbox.model import Abort, Fault, Retry, Rule, TrafficPolicy
from sandbox.proxy.bearer import Guarded
from sandbox.proxy.control_plane import ControlPlane
from sandbox.proxy.reports import Reports
from sandbox.proxy.resource import Kind
from sandbox.proxy.topology import Address
from sandbox.proxy.tracing import TAP, TRACES, TROUBLE
from tests.proxy.mesh import LOOPBACK, Mesh, a_caller, a_service
from tests.proxy.test_door import ADS_TOKEN, ContainedMesh
from tests.telemetry.traces.build import TRACE
from tests.telemetry.traces.conftest import Desk

PARENT = "b7ad6b7169203331"
PASSED_ON = ("traceparent", "x-request-id", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled")


class Shop:
    """gateway → shop → mill; shop hands on what belongs to a trace, as services do. `mill` fails as often as told."""

    def __init__(self, mesh: Mesh, desk: Desk) -> None:
        self.mesh = mesh
        self.desk = desk
        self.failures = 0
        self.slow = 0.0

    async def start(self, **rule: Any) -> None:
        shop = await self.mesh.upstream("shop", self._sell)
        mill = await self.mesh.upstream("mill", self._grind)
        steered = rule or {"retry": Retry(attempts=2, codes=(503,), backoff=0.001)}
        services = a_service("shop", public=True), a_service("mill", policy=TrafficPolicy(rules=(Rule(**steered),)))
        self.mesh.declare(*services, callers=(a_caller("shop", services[1]),))
        self.mesh.instances("shop", shop)
        self.mesh.instances("mill", mill)
        await self.mesh.apply()

    def share(self, traced: float, told: float = 0.0, trouble: float = 1.0) -> None:
        self.mesh.plane.sample({TRACES: traced, TAP: told, TROUBLE: trouble}, 1000)

    async def in_force(self) -> None:
        """Envoy has been told, and asks nothing more."""
        session = self.mesh.plane._session
        assert session is not None
        async with asyncio.timeout(10):
            while not session[Kind.RUNTIME].settled:
                await asyncio.sleep(0.01)

    async def buy(self, **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await self.mesh.get(self.mesh.gateway, "/buns?kind=rye", headers=sent)).status

    async def _sell(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/seen":
            return web.Response(headers={"x-seen": request.headers["traceparent"]})
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        answer = await self.mesh.get(self.mesh.edge("shop", "mill"), "/flour", headers=headers)
        return web.Response(status=answer.status)

    async def _grind(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.slow)
        self.failures -= 1
        return web.Response(status=503 if self.failures >= 0 else 200)


def on_the_host(reports: Reports) -> Mesh:
    mesh = Mesh()
    mesh.plane = ControlPlane(mesh.paths.ads_socket, reports=reports)
    return mesh


def as_in_a_container(reports: Reports) -> Mesh:
    mesh = ContainedMesh()
    mesh.plane = ControlPlane(Guarded(Address(LOOPBACK, 0), ADS_TOKEN), reports=reports)
    return mesh


@pytest.fixture(params=[on_the_host, as_in_a_container])
async def shop(desk: Desk, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    made: Mesh = request.param(Reports(spans=desk.service.from_proxy, requests=desk.service.records))
    async with made as mesh:
        shop = Shop(mesh, desk)
        await shop.start()
        shop.share(1.0)
        await shop.in_force()
        yield shop


async def test_nobody_without_the_token_tells_anything(desk: Desk) -> None:
    mesh = as_in_a_container(Reports(spans=desk.service.from_proxy))
    async with mesh:
        assert mesh.plane.address is not None
        async with grpc.aio.insecure_channel(str(mesh.plane.address)) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await export(b"")
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED


def hops(spans: object) -> list[tuple[str, str, str]]:
    return [(one.attributes.get("caller", ""), one.service, one.name) for one in spans]  # type: ignore[attr-defined]


async def test_one_trace_over_two_hops_in_services_that_know_of_nothing(shop: Shop) -> None:
    assert await shop.buy() == 200
    found = await shop.desk.trace(await shop.desk.only(), 2)
    assert hops(found.spans) == [("gateway", "shop", "GET /buns"), ("shop", "mill", "GET /flour")]
    first, second = found.spans
    assert (first.parent, second.parent) == (None, first.id)
    assert (first.attributes["http.path"], first.attributes["http.status_code"]) == ("/buns?kind=rye", "200")
    assert not any(span.error or span.orphan or span.skewed for span in found.spans)
    assert all(span.from_proxy for span in found.spans)


async def test_attempts_are_told(shop: Shop) -> None:
    shop.failures = 2
    assert await shop.buy() == 200
    found = await shop.desk.trace(await shop.desk.only(), 5)
    assert [one.name for one in found.spans] == ["GET /buns", "GET /flour", "attempt", "attempt", "attempt"]
    assert [one.error for one in found.spans] == [False, False, True, True, False]
    assert "attempt 3 of 3 answered, after 503 from 127.0.0.1:" in found.spans[1].story


@pytest.mark.parametrize("traced", [1.0, 0.0])
async def test_a_fault_is_told_as_one(shop: Shop, traced: float) -> None:
    await shop.start(fault=Fault(abort=Abort(http_status=503)))
    shop.share(traced)
    await shop.in_force()
    assert await shop.buy() == 503
    found = await shop.desk.trace(await shop.desk.only(), 2)
    assert found.spans[1].attributes["response_flags"] == "FI"
    assert "a fault was injected" in found.spans[1].story


async def test_what_a_caller_decided_holds_on_every_hop(shop: Shop) -> None:
    shop.share(0.0)
    await shop.in_force()
    await shop.buy(traceparent=f"00-{TRACE}-{PARENT}-01", x_request_id="42")
    await shop.buy(traceparent=f"00-{'1' * 32}-{PARENT}-01")
    await shop.buy()
    found = await shop.desk.trace("1" * 32, 2)
    assert [span.orphan for span in found.spans] == [False, False]
    shop.share(1.0)
    await shop.in_force()
    await shop.buy(traceparent=f"00-{'2' * 32}-{PARENT}-00")
    await shop.buy(traceparent=f"00-{'3' * 32}-{PARENT}-01")
    await shop.desk.trace("3" * 32, 2)
    ids = {one.id for one in await shop.desk.service.search(TraceQuery())}
    assert ids == {"1" * 32, "3" * 32}  # the first has no request id to draw by, and Envoy then draws nothing


async def test_a_b3_caller_that_says_sampled_is_traced_and_no_other(shop: Shop) -> None:
    shop.share(0.0)
    await shop.in_force()
    ids = {"x_b3_spanid": PARENT, "x_b3_traceid": "9" * 32}
    for sampled in ({"x_b3_sampled": "0", **ids}, ids, {"b3": "0"}, {"b3": f"{'8' * 32}-{PARENT}-0"}, {}):
        await shop.buy(**sampled)
    await shop.buy(b3=f"{'1' * 32}-{PARENT}-1")
    await shop.buy(x_b3_sampled="1", x_b3_spanid=PARENT, x_b3_traceid="2" * 32)
    for trace in ("1" * 32, "2" * 32):
        await shop.desk.trace(trace, 1)
    assert {one.id for one in await shop.desk.service.search(TraceQuery())} == {"1" * 32, "2" * 32}


async def test_of_what_was_not_drawn_failures_are_told_with_their_way(shop: Shop) -> None:
    shop.share(0.0)
    await shop.in_force()
    shop.failures = 3
    assert await shop.buy() == 503
    found = await shop.desk.trace(await shop.desk.only(), 2)
    assert hops(found.spans) == [("gateway", "shop", "GET /buns"), ("shop", "mill", "GET /flour")]
    assert found.spans[1].parent == found.spans[0].id
    assert [span.error for span in found.spans] == [True, True]
    assert "attempt 3 of 3 failed as well" in found.spans[1].story
    assert await shop.buy() == 200
    assert len(await shop.desk.service.search(TraceQuery())) == 1


async def test_of_what_was_not_drawn_slow_ones_are_told(shop: Shop) -> None:
    shop.share(0.0)
    await shop.in_force()
    shop.slow = 1.1
    assert await shop.buy() == 200
    found = await shop.desk.trace(await shop.desk.only(), 2)
    assert min(span.duration for span in found.spans) > 1.0


async def test_a_share_is_a_share_of_traces_and_of_records(shop: Shop) -> None:
    shop.share(0.1, told=0.1)
    await shop.in_force()
    seen = 0
    for _ in range(200):
        answer = await shop.mesh.get(shop.mesh.gateway, "/seen")
        seen += answer.headers["x-seen"].endswith("-01")
    assert 5 <= seen <= 45  # 20 of them; outside in one of a hundred thousand runs
    told: list[object] = []
    async with asyncio.timeout(10):
        while len(told) < 5:
            await asyncio.sleep(0.02)
            told = [one for one in shop.desk.service.recent_heads() if one.path == "/seen"]
    assert len(told) <= 45


async def test_a_b3_caller_finds_its_own_trace(shop: Shop) -> None:
    await shop.buy(x_b3_traceid=TRACE[16:], x_b3_spanid=PARENT, x_b3_sampled="1")
    found = await shop.desk.trace(TRACE[16:].rjust(32, "0"), 2)
    assert hops(found.spans) == [("gateway", "shop", "GET /buns"), ("shop", "mill", "GET /flour")]


async def test_tap_shows_requests_as_they_happen(shop: Shop) -> None:
    seen: list[TappedRequest] = []

    async def look() -> None:
        async for one in shop.desk.service.tap(TapQuery(service="mill")):
            seen.append(one)
            return

    looking = asyncio.ensure_future(look())
    shop.share(1.0, told=1.0)
    await shop.in_force()
    shop.failures = 1
    await shop.buy(x_canary="true")
    async with asyncio.timeout(10):
        await looking
    assert (seen[0].caller, seen[0].callee, seen[0].path, seen[0].status) == ("shop", "mill", "/flour", 200)
    assert seen[0].attempts == 2
    assert seen[0].trace == await shop.desk.only()
    async with asyncio.timeout(10):
        while not (heads := [one for one in shop.desk.service.recent_heads() if one.path == "/buns?kind=rye"]):
            await asyncio.sleep(0.02)
    assert heads[0].headers["x-canary"] == "true"


async def test_bytes_that_are_no_text_lose_nothing_else(shop: Shop) -> None:
    reader, writer = await asyncio.open_connection(shop.mesh.gateway.host, shop.mesh.gateway.port)
    writer.write(b"GET /b\xff HTTP/1.1\r\nhost: x\r\nuser-agent: \xfe\xff\r\nconnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await shop.buy()
    async with asyncio.timeout(10):
        while not await shop.desk.service.search(TraceQuery(route="/buns")):
            await asyncio.sleep(0.02)
