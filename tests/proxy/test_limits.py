"""Rate and concurrency limits, through a real Envoy."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace

import grpc
import pytest
from aiohttp import WSServerHandshakeError, web

from sandbox.model import (
    Cors,
    Delay,
    DirectResponse,
    Fault,
    HeaderMatch,
    HeaderModifier,
    LimitBy,
    Match,
    RateLimit,
    Rule,
    TrafficPolicy,
)
from sandbox.proxy.topology import Address
from tests.proxy.mesh import Mesh, a_caller, a_service, eventually
from tests.proxy.peers import GRPC, greet
from tests.proxy.steered import Steered, only, steered

ANNA = Match(headers=(HeaderMatch(name="x-user", value="anna"),))


async def test_what_goes_beyond_a_limit_is_told_so(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(rate_limit=RateLimit(requests=3, per=60)))
    answers = [await stage.ask() for _ in range(4)]
    assert [one.status for one in answers] == [200, 200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert answers[3].headers["X-RateLimit-Limit"] == "3"
    assert 0 <= int(answers[3].headers["X-RateLimit-Reset"]) <= 60
    assert answers[3].headers["x-sandbox-reason"] == "RL"
    assert answers[3].text == (
        "sandbox: too many requests: steamer takes 3 requests in 60 s. Try: sandbox traffic get steamer\n"
    )
    assert await stage.counter("limit|steamer.http_local_rate_limit.rate_limited") == 1
    assert await stage.cluster("upstream_rq_429", guarded=True) == 1


async def test_a_limit_for_all_holds_for_all_callers_rules_versions_and_ways_together(mesh: Mesh) -> None:
    policy = TrafficPolicy(
        rules=(Rule(matches=(ANNA,), backends=only("v2")),), rate_limit=RateLimit(requests=8, per=60)
    )
    stage = await steered(mesh, policy, versions=("v1", "v2"))
    got: Counter[int] = Counter()
    for _ in range(2):
        for caller in ("store", "till", "gateway"):
            got[(await stage.ask(caller=caller)).status] += 1
            got[(await stage.ask(caller=caller, headers={"x-user": "anna"})).status] += 1
        for caller in ("store", "thief"):
            got[(await stage.ask_by_name(caller=caller)).status] += 1
    assert got == {200: 8, 429: 8}


async def test_each_caller_has_a_bucket_of_its_own(mesh: Mesh) -> None:
    policy = TrafficPolicy(rate_limit=RateLimit(requests=2, per=60, by=LimitBy.CALLER))
    stage = await steered(mesh, policy)
    for caller in ("store", "till", "gateway"):
        assert [(await stage.ask(caller=caller)).status for _ in range(3)] == [200, 200, 429]
    assert (await stage.ask_by_name(caller="store")).status == 429


async def test_each_value_of_a_header_has_a_bucket_of_its_own(mesh: Mesh) -> None:
    policy = TrafficPolicy(rate_limit=RateLimit(requests=2, per=60, by=LimitBy.HEADER, header="x-user"))
    stage = await steered(mesh, policy)
    for user in ("anna", "bob"):
        assert [(await stage.ask(headers={"x-user": user})).status for _ in range(3)] == [200, 200, 429]
    assert [(await stage.ask()).status for _ in range(3)] == [200, 200, 429]  # without it


async def test_a_rule_s_limit_goes_before_the_service_s(mesh: Mesh) -> None:
    policy = TrafficPolicy(
        rules=(Rule(matches=(ANNA,), rate_limit=RateLimit(requests=1, per=60)),),
        rate_limit=RateLimit(requests=2, per=60),
    )
    stage = await steered(mesh, policy)
    anna = [await stage.ask(headers={"x-user": "anna"}) for _ in range(2)]
    assert [one.status for one in anna] == [200, 429]
    assert "rule 1 of steamer takes 1 request in 60 s" in anna[1].text
    assert [(await stage.ask()).status for _ in range(3)] == [200, 200, 429]


async def test_a_bucket_stays_as_empty_as_it_is_whatever_else_changes(mesh: Mesh) -> None:
    """Its own limit is the only thing that fills it anew."""
    limit = RateLimit(requests=1, per=3600)
    limited, free = Rule(matches=(ANNA,), rate_limit=limit), Rule(backends=only("v1"))
    stage = await steered(mesh, TrafficPolicy(rules=(limited, free), rate_limit=limit), versions=("v1", "v2"))
    other = a_service("other", policy=TrafficPolicy(concurrency=9))
    mesh.topology = replace(mesh.topology, services=(*mesh.topology.services, other))

    async def spent() -> bool:
        """Of both."""
        got = [(await stage.ask(headers=headers)).status for headers in ({"x-user": "anna"}, {})]
        return got == [429, 429]

    assert [await spent() for _ in range(2)] == [False, True]
    slow = Fault(delay=Delay(fixed=0.001))
    for rules in (
        (limited, Rule(backends=only("v2"))),
        (limited, replace(free, fault=slow)),
        (replace(limited, fault=slow, name="anna", response_headers=HeaderModifier(set={"x-a": "b"})), free),
        (Rule(matches=(Match(method="PUT"),), fault=slow), limited, free),  # which is the second rule now
    ):
        await stage.set(TrafficPolicy(rules=rules, rate_limit=limit))
        assert await spent(), rules
    mesh.instances("steamer", version="v2")
    await mesh.apply()
    assert await spent()
    mesh.topology = replace(mesh.topology, services=(mesh.topology.services[0], replace(other, policy=TrafficPolicy())))
    await mesh.apply()
    assert await spent()
    await mesh.new_plane()
    await mesh.apply()
    assert await spent()

    await stage.set(TrafficPolicy(rules=(limited, free), rate_limit=replace(limit, requests=2)))
    assert [(await stage.ask()).status for _ in range(3)] == [200, 200, 429]
    assert (await stage.ask(headers={"x-user": "anna"})).status == 429


async def test_another_limit_holds_from_the_next_request_on(mesh: Mesh) -> None:
    """Also on connections that are open, whose last requests had the old one."""
    stage = await steered(mesh, TrafficPolicy(rate_limit=RateLimit(requests=1, per=3600)))
    assert await stage.statuses(50, at_once=8) == {200: 1, 429: 49}
    await stage.set(TrafficPolicy(rate_limit=RateLimit(requests=30, per=3600)))
    assert await stage.statuses(30, at_once=8) == {200: 30}
    assert await stage.statuses(8, at_once=8) == {429: 8}


async def test_a_limit_comes_and_goes(mesh: Mesh) -> None:
    stage = await steered(mesh)
    for _ in range(3):
        await stage.set(TrafficPolicy(rate_limit=RateLimit(requests=1, per=3600)))
        assert [(await stage.ask()).status for _ in range(2)] == [200, 429]
        await stage.set(TrafficPolicy())
        assert await stage.statuses(10) == {200: 10}


async def test_a_page_can_read_that_there_were_too_many_and_may_ask_whether_it_may(mesh: Mesh) -> None:
    cors = Cors(allow_origins=("https://shop.example",), allow_methods=("PUT",))
    stage = await steered(mesh, TrafficPolicy(rules=(Rule(cors=cors),), rate_limit=RateLimit(requests=1, per=3600)))
    origin = {"origin": "https://shop.example"}
    for _ in range(3):
        asked = await stage.ask(method="OPTIONS", headers={**origin, "access-control-request-method": "PUT"})
        assert (asked.status, asked.headers["access-control-allow-methods"]) == (200, "PUT")
    answers = [await stage.ask(method="PUT", headers=origin) for _ in range(2)]
    assert [one.status for one in answers] == [200, 429]
    assert {one.headers["access-control-allow-origin"] for one in answers} == {"https://shop.example"}


async def test_an_answer_of_a_rule_s_own_is_no_limit_though_its_status_says_so(mesh: Mesh) -> None:
    busy = Rule(direct_response=DirectResponse(status=429, body="come back on Monday"))
    stage = await steered(mesh, TrafficPolicy(rules=(busy,), rate_limit=RateLimit(requests=1, per=3600)))
    first, second = [await stage.ask() for _ in range(2)]
    assert (first.status, first.text, "x-sandbox-reason" in first.headers) == (429, "come back on Monday", False)
    assert second.text.startswith("sandbox: too many requests: rule 1 of steamer takes 1 request in 3600 s.")


@pytest.mark.parametrize("limit", [RateLimit(requests=100), RateLimit(requests=100, per=0.5)])
async def test_a_rate_is_kept_within_five_percent(mesh: Mesh, limit: RateLimit) -> None:
    """From one moment in which the bucket is empty to another, and it is never full in between."""
    stage = await steered(mesh, TrafficPolicy(rate_limit=limit))
    await _empty(stage)
    began, passed = time.perf_counter(), 0
    while time.perf_counter() - began < 2:
        passed += (await stage.statuses(10))[200]
    passed += await _empty(stage)
    expected = limit.requests / limit.per * (time.perf_counter() - began)
    assert abs(passed - expected) <= 0.05 * expected


async def _empty(stage: Steered) -> int:
    """Until nothing passes: what did."""
    passed = 0
    while (got := await stage.statuses(10))[429] == 0:
        passed += got[200]
    return passed + got[200]


async def test_grpc_calls_beyond_a_limit_are_told_so_in_their_own_words(mesh: Mesh, greeter: Address) -> None:
    policy = TrafficPolicy(rate_limit=RateLimit(requests=2, per=3600), concurrency=100)
    service = a_service("greeter", versions=("v1", "v2"), ports=GRPC, policy=policy)
    mesh.declare(service, callers=(a_caller("store", service),))
    mesh.instances("greeter", greeter, port=50051)
    await mesh.apply()
    edge = mesh.edge("store", "greeter", 50051)
    assert [await greet(edge) for _ in range(2)] == [b"hello you"] * 2
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await greet(edge)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_websockets_are_counted_when_they_begin(mesh: Mesh) -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    stage = await steered(mesh, TrafficPolicy(rate_limit=RateLimit(requests=1, per=3600)), handlers={"v1": echo})
    where = f"ws://{stage.where()}/"
    async with mesh.http.ws_connect(where) as socket:
        for word in ("one", "two", "three"):
            await socket.send_str(word)
            assert await socket.receive_str() == word
    with pytest.raises(WSServerHandshakeError, match="429"):
        await mesh.http.ws_connect(where)


async def test_a_burst_is_what_may_come_at_once(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(rate_limit=RateLimit(requests=1, per=60, burst=5)))
    assert await stage.statuses(20) == {200: 5, 429: 15}


@pytest.mark.parametrize("versions", [("v1",), ("v1", "v2")])
async def test_what_goes_beyond_the_concurrency_is_answered_at_once(mesh: Mesh, versions: tuple[str, ...]) -> None:
    """Of all versions and ports together."""
    gate, waiting = asyncio.Event(), 0

    async def waits(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return web.Response()

    policy = TrafficPolicy(concurrency=2, rules=(Rule(matches=(ANNA,), backends=only(versions[-1])),))
    stage = await steered(mesh, policy, versions=versions, handlers=dict.fromkeys(versions, waits))
    users = {"store": {"x-user": "anna"}, "till": {}}
    open_ = [asyncio.create_task(stage.ask(caller=caller, headers=of)) for caller, of in users.items()]
    await eventually(lambda: waiting == 2)
    for of in users.values():
        answer = await stage.ask(caller="gateway", headers=of)
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (503, "UO")
    assert "has as many requests under way as its concurrency allows" in answer.text
    gate.set()
    assert [(await one).status for one in open_] == [200, 200]
    assert (await stage.ask()).status == 200
    cluster = "inbound|steamer|v1|8000" if len(versions) == 1 else "gate|steamer"
    assert await stage.counter(f"cluster.{cluster}.upstream_rq_active_overflow") == 2
