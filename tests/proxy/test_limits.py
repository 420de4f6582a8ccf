"""Rate and concurrency limits, through a real Envoy."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from aiohttp import web

from sandbox.model import HeaderMatch, LimitBy, Match, RateLimit, Rule, TrafficPolicy
from tests.proxy.mesh import Mesh, eventually
from tests.proxy.steered import Steered, only, steered

ANNA = Match(headers=(HeaderMatch(name="x-user", value="anna"),))


async def test_what_goes_beyond_a_limit_is_told_so(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(rate_limit=RateLimit(requests=3, per=60)))
    answers = [await stage.ask() for _ in range(4)]
    assert [one.status for one in answers] == [200, 200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert answers[3].headers["X-RateLimit-Limit"] == "3"
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


async def test_a_burst_is_what_may_come_at_once(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(rate_limit=RateLimit(requests=1, per=60, burst=5)))
    assert await stage.statuses(20) == {200: 5, 429: 15}


async def test_what_goes_beyond_the_concurrency_is_answered_at_once(mesh: Mesh) -> None:
    gate, waiting = asyncio.Event(), 0

    async def waits(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return web.Response()

    stage = await steered(mesh, TrafficPolicy(concurrency=2), handlers={"v1": waits})
    open_ = [asyncio.create_task(stage.ask(caller=caller)) for caller in ("store", "till")]
    await eventually(lambda: waiting == 2)
    answer = await stage.ask(caller="gateway")
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (503, "UO")
    assert "has as many requests under way as its concurrency allows" in answer.text
    gate.set()
    assert [(await one).status for one in open_] == [200, 200]
    assert (await stage.ask()).status == 200
    assert await stage.counter("cluster.inbound|steamer|v1|8000.upstream_rq_active_overflow") == 1
