"""Numbers of real requests through a real Envoy."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web

from sandbox.control import Edge, Signals
from sandbox.model import AppProtocol, ConnectionPool, OutlierDetection, Port, Retry, Rule, Timeouts, TrafficPolicy
from sandbox.model.traffic import Abort, AuthorizationAction, AuthorizationRule, Delay, Fault, RateLimit
from sandbox.proxy.admin import admin_session
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService
from sandbox.tasks import Tasks
from sandbox.telemetry.columns import EdgeKey, histogram, of_routes
from sandbox.telemetry.scrape import Scraper
from tests.proxy.mesh import LOOPBACK, Handler, Mesh, a_caller, a_service, eventually, free_port

INTERVAL = 0.05


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with Mesh() as running:
        yield running


@pytest.fixture
async def scraper(mesh: Mesh) -> AsyncIterator[Scraper]:
    found = Scraper(
        lambda: admin_session(mesh.paths.admin_socket),
        INTERVAL,
        callers=lambda: {str(one.http_proxy.port): one.name for one in mesh.topology.callers if one.http_proxy},
    )
    tasks = Tasks()
    tasks.spawn(found.run(), name="scrape")
    yield found
    await tasks.close()


async def failing(request: web.Request) -> web.Response:
    return web.Response(status=500)


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(0.12)
    return web.Response()


def flaky() -> Handler:
    """Every other request fails."""
    turns = itertools.cycle((503, 200))

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=next(turns))

    return answer


async def test_an_edge_shows_its_requests_errors_and_latency(mesh: Mesh, scraper: Scraper) -> None:
    orders, steamer = a_service("orders"), a_service("steamer", versions=("v1", "v2"))
    mesh.declare(orders, steamer, callers=(a_caller("store", orders), a_caller("orders", steamer)))
    mesh.instances("orders", await mesh.upstream("orders", slow))
    mesh.instances("steamer", await mesh.upstream("v1", failing))
    mesh.instances("steamer", await mesh.upstream("v2", failing), version="v2")
    await mesh.apply()
    await first_reading(scraper)

    await asyncio.gather(*(mesh.get(mesh.edge("store", "orders")) for _ in range(4)))
    for _ in range(6):
        await mesh.get(mesh.edge("orders", "steamer"))
    await eventually(lambda: count(scraper, "steamer") == 6 and edge(scraper, "orders").p50 is not None)

    assert edge(scraper, "orders").errors_per_second == 0
    assert 100 <= (edge(scraper, "orders").p50 or 0) <= (edge(scraper, "orders").p99 or 0) < 2000
    assert errors(scraper, "steamer") == 6
    assert {(one.caller, one.callee) for one in edges(scraper)} == {("store", "orders"), ("orders", "steamer")}


async def test_what_got_no_answer_is_an_error_once_however_often_it_was_retried(mesh: Mesh, scraper: Scraper) -> None:
    nobody, refuses = a_service("nobody"), a_service("refuses")
    mesh.declare(nobody, refuses, callers=(a_caller("store", nobody, refuses),))
    mesh.instances("refuses", Address(LOOPBACK, free_port()))
    await mesh.apply()
    await first_reading(scraper)

    for callee in ("nobody", "refuses", "refuses"):
        assert (await mesh.get(mesh.edge("store", callee))).status == 503
    await eventually(lambda: errors(scraper, "nobody") == 1 and errors(scraper, "refuses") == 2)

    assert (count(scraper, "nobody"), count(scraper, "refuses")) == (1, 2)


async def test_an_answer_that_took_too_long_is_an_error_and_as_slow_as_it_was_let_be(
    mesh: Mesh, scraper: Scraper
) -> None:
    patience = TrafficPolicy(rules=(Rule(timeouts=Timeouts(request=0.03)),))
    orders = a_service("orders", policy=patience, public=True)
    mesh.declare(orders, callers=(a_caller("store", orders),))
    mesh.instances("orders", await mesh.upstream("orders", slow))
    await mesh.apply()
    await first_reading(scraper)

    assert (await mesh.get(mesh.edge("store", "orders"))).status == 504
    await eventually(lambda: (count(scraper, "orders"), errors(scraper, "orders")) == (1, 1))
    timed = EdgeKey("store", "orders", "v1")
    await eventually(lambda: histogram(scraper.past.totals[timed]).total == 1)
    assert (histogram(scraper.past.totals[timed]).quantile(0.5) or 0) >= 25

    assert (await mesh.get(mesh.gateway)).status == 504
    outside = EdgeKey("gateway", "orders", "v1")
    await eventually(lambda: "orders rule 1" in of_routes(scraper.past.totals.get(outside, {})))
    await eventually(lambda: histogram(of_routes(scraper.past.totals[outside])["orders rule 1"]).total == 1)
    assert (histogram(of_routes(scraper.past.totals[outside])["orders rule 1"]).quantile(0.5) or 0) >= 25
    assert of_routes(scraper.past.totals[outside])["orders rule 1"]["errors"] == 1


async def test_a_tcp_service_shows_its_connections_and_those_that_failed(mesh: Mesh, scraper: Scraper) -> None:
    tcp = (Port(number=5432, protocol=AppProtocol.TCP),)
    db, dead, nobody = (a_service(name, ports=tcp) for name in ("db", "dead", "nobody"))
    mesh.declare(db, dead, nobody, callers=(a_caller("store", db, dead, nobody),))
    mesh.instances("db", await mesh.upstream("db"), port=5432)
    mesh.instances("dead", Address(LOOPBACK, free_port()), port=5432)
    await mesh.apply()
    await first_reading(scraper)

    for callee in ("db", "db", "db", "dead", "dead", "nobody"):
        await connect(mesh.edge("store", callee, 5432))

    expected = {"db": (3, 0), "dead": (2, 2), "nobody": (1, 1)}
    await eventually(lambda: {name: (count(scraper, name), errors(scraper, name)) for name in expected} == expected)


async def test_faults_limits_and_refusals_are_counted_for_who_called_whom(mesh: Mesh, scraper: Scraper) -> None:
    faulty = a_service("faulty", policy=TrafficPolicy(rules=(Rule(fault=Fault(abort=Abort(http_status=503))),)))
    slowed = a_service("slowed", policy=TrafficPolicy(rules=(Rule(fault=Fault(delay=Delay(fixed=0.01))),)))
    limited = a_service("limited", policy=TrafficPolicy(rate_limit=RateLimit(requests=1, per=3600)))
    refusal = AuthorizationRule(action=AuthorizationAction.DENY, callers=("store",))
    secret = a_service("secret", policy=TrafficPolicy(authorization=(refusal,)))
    mesh.declare(faulty, slowed, limited, secret, callers=(a_caller("store", faulty, slowed, limited, secret),))
    for name in ("faulty", "slowed", "limited", "secret"):
        mesh.instances(name, await mesh.upstream(name))
    await mesh.apply()
    await first_reading(scraper)

    answers = [(await mesh.get(mesh.edge("store", name))).status for name in ("faulty", "slowed", "secret")]
    answers += [(await mesh.get(mesh.edge("store", "limited"))).status for _ in range(3)]

    assert answers == [503, 200, 403, 200, 429, 429]
    await eventually(lambda: total(scraper, "limited", "rate_limited") == 2)
    await eventually(lambda: total(scraper, "faulty", "faults") == total(scraper, "slowed", "faults") == 1)
    await eventually(lambda: total(scraper, "secret", "denied") == total(scraper, "secret", "client_errors") == 1)
    requests = {name: total(scraper, name, "requests") for name in ("faulty", "slowed", "limited", "secret")}
    assert requests == {"faulty": 1, "slowed": 1, "limited": 3, "secret": 1}


@pytest.mark.parametrize("limits", [{}, {"rate_limit": RateLimit(requests=1000)}], ids=["plain", "guarded"])
async def test_breakers_ejections_retries_and_breaks_are_counted_by_the_metrics_that_name_them(
    mesh: Mesh, scraper: Scraper, limits: dict[str, Any]
) -> None:
    gate, waiting = asyncio.Event(), 0

    async def waits(request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return web.Response()

    policies = {
        "full": TrafficPolicy(connection_pool=ConnectionPool(max_requests=1), **limits),
        "busy": TrafficPolicy(concurrency=1, **limits),
        "weak": TrafficPolicy(outlier_detection=OutlierDetection(consecutive_5xx=2, interval=0.05), **limits),
        "again": TrafficPolicy(rules=(Rule(retry=Retry(attempts=2, codes=(500,), backoff=0.001)),), **limits),
        "spent": TrafficPolicy(
            rules=(Rule(retry=Retry(attempts=2, codes=(500,))),),
            connection_pool=ConnectionPool(max_retries=0),
            **limits,
        ),
        "cut": TrafficPolicy(rules=(Rule(fault=Fault(abort=Abort(reset=True))),), **limits),
    }
    services = tuple(a_service(name, policy=policy, versions=("v1", "v2")) for name, policy in policies.items())
    mesh.declare(*services, callers=(a_caller("store", *services),))
    for name in policies:
        answer = waits if name in ("full", "busy") else failing
        for version in ("v1", "v2") if name == "busy" else ("v1",):
            mesh.instances(name, await mesh.upstream(name, answer), version=version)
    await mesh.apply()
    await first_reading(scraper)

    held = [asyncio.create_task(mesh.get(mesh.edge("store", name))) for name in ("full", "busy")]
    await eventually(lambda: waiting == 2)
    refused = [(await mesh.get(mesh.edge("store", name))).status for name in ("full", "busy") for _ in "12"]
    assert set(refused) == {503}
    gate.set()
    assert [(await one).status for one in held] == [200] * 2
    for name in ("weak", "weak", "again", "spent"):
        assert (await mesh.get(mesh.edge("store", name))).status == 500
    with pytest.raises(ClientPayloadError):
        await mesh.get(mesh.edge("store", "cut"))

    expected = {
        ("full", "overflows"): 2,
        ("busy", "overflows"): 2,
        ("weak", "ejections"): 1,
        ("again", "retries"): 2,
        ("spent", "retries"): 0,
        ("spent", "retries_refused"): 1,
        ("cut", "faults"): 1,
    }
    await eventually(lambda: {key: total(scraper, *key) for key in expected} == expected)


async def test_who_calls_what_it_does_not_declare_is_seen(mesh: Mesh, scraper: Scraper) -> None:
    again = TrafficPolicy(rules=(Rule(retry=Retry(attempts=3, codes=(503,), backoff=0.001)),))
    orders, secret = a_service("orders"), a_service("secret", policy=again)
    mesh.declare(orders, secret, callers=(a_caller("store", orders), a_caller("thief")))
    mesh.instances("orders", await mesh.upstream("orders"))
    mesh.instances("secret", await mesh.upstream("secret", flaky()))
    outside = await mesh.upstream("outside")
    await mesh.apply()
    await first_reading(scraper)

    for where in ("secret", f"{outside.address}"):
        assert (await mesh.get(where, proxy=mesh.http_proxy("thief"))).status == 200
    await mesh.get("orders", proxy=mesh.http_proxy("store"))

    secretly = EdgeKey("thief", "secret", "v1")
    await eventually(lambda: scraper.past.totals.get(secretly, {}).get("requests") == 1)
    await eventually(lambda: histogram(scraper.past.totals[secretly]).total == 1)
    assert scraper.past.totals[secretly]["retries"] == 1
    assert scraper.past.totals[secretly]["bytes_in"] > 50 < scraper.past.totals[secretly]["bytes_out"]
    assert scraper.past.totals[EdgeKey("thief", "127.0.0.1", "external")]["requests"] == 1
    assert scraper.past.totals[EdgeKey("store", "orders", "v1")]["requests"] == 1


async def test_where_callers_share_an_address_each_is_known_by_its_own(mesh: Mesh, scraper: Scraper) -> None:
    orders, secret = a_service("orders"), a_service("secret")
    here = Address(LOOPBACK, free_port())

    def at(callee: MeshService) -> tuple[EdgeListener, ...]:
        return (EdgeListener(callee=callee.name, port=8000, bind=here),)

    store = Caller(name="store", http_proxy=None, edges=at(orders), undeclared=at(secret), source="127.0.0.11/32")
    thief = Caller(name="thief", http_proxy=None, edges=(), undeclared=at(secret), source="127.0.0.12/32")
    mesh.declare(orders, secret, callers=(store, thief))
    mesh.instances("orders", await mesh.upstream("orders", failing))
    mesh.instances("secret", await mesh.upstream("secret"))
    await mesh.apply()
    await first_reading(scraper)

    for source, host in (("127.0.0.11", "orders"), ("127.0.0.11", "secret"), ("127.0.0.12", "secret")):
        await ask(here, host, source)

    expected = {("store", "orders"): 1, ("store", "secret"): 1, ("thief", "secret"): 1}
    await eventually(lambda: requests_by_edge(scraper) == expected)


async def test_a_new_envoy_is_found_and_its_counting_from_zero_understood(mesh: Mesh, scraper: Scraper) -> None:
    mesh.declare(a_service("store", public=True))
    mesh.instances("store", await mesh.upstream("store"))
    await mesh.apply()
    await first_reading(scraper)
    for _ in range(5):
        await mesh.get(mesh.gateway)
    await eventually(lambda: count(scraper, "store") == 5)

    mesh.stop_envoy()
    await eventually(lambda: not mesh.plane.connected)
    await mesh.start_envoy()
    await mesh.apply()
    for _ in range(2):
        await mesh.get(mesh.gateway)

    await eventually(lambda: count(scraper, "store") == 7)


async def test_a_scraper_without_an_envoy_waits_and_is_quiet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scraper, tasks = Scraper(lambda: admin_session(tmp_path / "none.sock"), INTERVAL), Tasks()
    with caplog.at_level("DEBUG", logger="sandbox.telemetry.scrape"):
        running = tasks.spawn(scraper.run(), name="scrape")
        await eventually(lambda: len(caplog.records) >= 2)

    assert not running.done()
    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    assert scraper.snapshot().edges == ()
    await tasks.close()


def total(scraper: Scraper, callee: str, column: str) -> int:
    """Of all callers."""
    return sum(counts.get(column, 0) for edge, counts in scraper.past.totals.items() if edge.callee == callee)


def requests_by_edge(scraper: Scraper) -> dict[tuple[str, str], int]:
    return {(edge.caller, edge.callee): counts.get("requests", 0) for edge, counts in scraper.past.totals.items()}


async def ask(address: Address, host: str, source: str) -> None:
    """One request from a chosen address, to the end of its answer."""
    reader, writer = await asyncio.open_connection(address.host, address.port, local_addr=(source, 0))
    writer.write(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    await reader.read()
    writer.close()


async def connect(address: Address) -> None:
    """Ask over a connection of its own, and read what comes until it ends."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    with suppress(ConnectionError):
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()
    writer.close()


def test_what_a_service_that_is_gone_had_asked_is_counted_to_nobody_anew() -> None:
    scraper = Scraper(lambda: pytest.fail("nobody is asked"), INTERVAL)
    name = "call.n.r.200.a.1.c.undeclared|orders|v1|8000.s.43121.h.orders:8000"
    answer = f'{{"stats": [{{"name": "{name}", "value": 7}}]}}'.encode()

    scraper.past.add(0.0, scraper._read(answer, {"43121": "store"}))
    step = scraper.past.add(1.0, scraper._read(answer, {}))

    assert step is not None
    assert step.counted == {}


async def first_reading(scraper: Scraper) -> None:
    """Until counting has begun; what was counted before would be no news."""
    await eventually(lambda: scraper.past._last is not None)


def edges(scraper: Scraper) -> tuple[Edge, ...]:
    return scraper.snapshot().edges


def edge(scraper: Scraper, callee: str) -> Signals:
    return scraper.snapshot().services[callee]


def count(scraper: Scraper, callee: str) -> int:
    return _in_window(scraper, callee, lambda one: one.requests_per_second)


def errors(scraper: Scraper, callee: str) -> int:
    return _in_window(scraper, callee, lambda one: one.errors_per_second)


def _in_window(scraper: Scraper, callee: str, rate: Callable[[Signals], float]) -> int:
    found = scraper.snapshot().services.get(callee)
    return round(rate(found) * found.window) if found else 0
