"""Retries, breakers, ejections and balancing, through a real Envoy."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import ClientSession, TCPConnector, web

from sandbox.model import (
    Balancing,
    ConnectionPool,
    Delay,
    Fault,
    LoadBalancer,
    OutlierDetection,
    RateLimit,
    Retry,
    RetryBudget,
    Rule,
    SessionPersistence,
    Timeouts,
    TrafficPolicy,
)
from sandbox.proxy.topology import Address
from tests.proxy.mesh import LOOPBACK, Answer, Mesh, Upstream, eventually, free_port
from tests.proxy.steered import Steered, failing, forever, split, steered

LIMIT = RateLimit(requests=10_000)
"""What sends a rule through the inbound listener and nothing else."""


async def replicas(stage: Steered, count: int, policy: TrafficPolicy) -> list[Upstream]:
    upstreams = [await stage.mesh.upstream(f"r{number}") for number in range(count)]
    stage.mesh.instances("steamer", *upstreams)
    await stage.set(policy)
    return upstreams


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_retries_are_counted_where_it_says_so(mesh: Mesh, limit: RateLimit | None) -> None:
    rule = Rule(retry=Retry(attempts=2, codes=(503,), backoff=0.001), rate_limit=limit)
    stage = await steered(mesh, None, rule, handlers={"v1": failing})
    assert (await stage.ask()).status == 503
    assert stage.upstreams["v1"].seen == {"GET": 3}
    assert await stage.cluster("upstream_rq_retry", guarded=limit is not None) == 2
    assert await stage.cluster("upstream_rq_retry_limit_exceeded", guarded=limit is not None) == 1


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_a_method_is_retried_where_asked(mesh: Mesh, limit: RateLimit | None) -> None:
    rule = Rule(retry=Retry(attempts=2, codes=(503,), backoff=0.001, methods=("POST",)), rate_limit=limit)
    stage = await steered(mesh, None, rule, handlers={"v1": failing})
    for method in ("POST", "PATCH"):
        await stage.ask(method=method)
    assert stage.upstreams["v1"].seen == {"POST": 3, "PATCH": 1}


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_conditions_of_envoy_s_own(mesh: Mesh, limit: RateLimit | None) -> None:
    rule = Rule(retry=Retry(attempts=1, on=("gateway-error",), backoff=0.001), rate_limit=limit)
    stage = await steered(mesh, None, rule, handlers={"v1": failing})
    await stage.ask()
    assert stage.upstreams["v1"].seen == {"GET": 2}


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_a_broken_connection_repeats_nothing_that_may_have_been_done(mesh: Mesh, limit: RateLimit | None) -> None:
    async def hanging_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    stage = await steered(mesh, None, Rule(rate_limit=limit), handlers={"v1": hanging_up})
    for method in ("GET", "POST"):
        assert (await stage.ask(method=method)).status == 503
    assert stage.upstreams["v1"].seen == {"GET": 3, "POST": 1}


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_a_dead_instance_is_not_seen_while_another_lives(mesh: Mesh, limit: RateLimit | None) -> None:
    stage = await steered(mesh, None, Rule(rate_limit=limit))
    mesh.instances("steamer", Address(LOOPBACK, free_port()), stage.upstreams["v1"])
    await mesh.apply()
    assert [(await stage.ask(method="POST")).status for _ in range(20)] == [200] * 20


async def test_a_budget_keeps_retries_from_making_it_worse(mesh: Mesh) -> None:
    retry = Retry(attempts=5, codes=(503,), backoff=0.02, budget=RetryBudget(percent=1, min_concurrency=1))
    stage = await steered(mesh, None, Rule(retry=retry), handlers={"v1": failing})
    await stage.statuses(60, at_once=30)
    assert await stage.cluster("upstream_rq_retry_overflow") > 0
    assert stage.upstreams["v1"].seen["GET"] < 60 * 3


async def test_a_hedge_starts_the_next_try_and_takes_the_first_answer(mesh: Mesh) -> None:
    first = True

    async def slow_once(request: web.Request) -> web.StreamResponse:
        nonlocal first
        if first:
            first = False
            await asyncio.sleep(0.5)
            return web.Response(text="slow")
        await asyncio.sleep(0.8)
        return web.Response(text="fast")

    rule = Rule(
        timeouts=Timeouts(request=5, backend_request=0.1),
        retry=Retry(attempts=1, hedge=True, backoff=0.001, on=("5xx",)),
    )
    stage = await steered(mesh, None, rule, handlers={"v1": slow_once})
    assert (await stage.ask()).text == "slow"
    assert stage.upstreams["v1"].seen == {"GET": 2}


async def test_a_stream_that_is_silent_too_long_is_given_up(mesh: Mesh) -> None:
    stage = await steered(mesh, None, Rule(timeouts=Timeouts(idle=0.1)), handlers={"v1": forever})
    answer = await stage.ask()
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (504, "SI")


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_a_pool_that_is_full_says_no_at_once(mesh: Mesh, limit: RateLimit | None) -> None:
    gate, waiting = asyncio.Event(), 0

    async def waits(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return web.Response()

    policy = TrafficPolicy(connection_pool=ConnectionPool(max_connections=1, max_pending_requests=1), rate_limit=limit)
    stage = await steered(mesh, policy, handlers={"v1": waits})
    open_ = [asyncio.create_task(stage.ask())]
    await eventually(lambda: waiting == 1)
    open_.append(asyncio.create_task(stage.ask()))
    while await stage.cluster("upstream_rq_pending_active", guarded=limit is not None) != 1:
        await asyncio.sleep(0.005)
    answers = [await stage.ask() for _ in range(2)]
    assert {one.status for one in answers} == {503}
    gate.set()
    assert {(await one).status for one in open_} == {200}
    assert await stage.cluster("upstream_rq_pending_overflow", guarded=limit is not None) == 2


async def test_a_connection_ends_after_its_share_of_requests(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(connection_pool=ConnectionPool(max_requests_per_connection=2)))
    for _ in range(4):
        await stage.ask()
    assert await stage.cluster("upstream_cx_total") == 2


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_an_instance_that_fails_is_left_out_for_a_while(mesh: Mesh, limit: RateLimit | None) -> None:
    stage = await steered(mesh)
    bad, good = await mesh.upstream("bad", failing), await mesh.upstream("good")
    mesh.instances("steamer", bad, good)
    detection = OutlierDetection(consecutive_5xx=3, interval=0.05, base_ejection_time=60)
    await stage.set(TrafficPolicy(outlier_detection=detection, rate_limit=limit))
    await stage.statuses(30)
    seen = bad.seen["GET"]
    assert await stage.statuses(20) == {200: 20}
    assert bad.seen["GET"] == seen
    cluster = "cluster.inbound|steamer|v1|8000" if limit else "cluster.edge|store|steamer|v1|8000"
    assert await stage.counter(f"{cluster}.outlier_detection.ejections_active") == 1
    assert await stage.counter(f"{cluster}.outlier_detection.ejections_enforced_consecutive_5xx") == 1


async def names(stage: Steered, count: int, **options: object) -> Counter[str]:
    return Counter([(await stage.ask(**options)).name for _ in range(count)])  # type: ignore[arg-type]


async def test_round_robin_is_even(mesh: Mesh) -> None:
    stage = await steered(mesh)
    await replicas(stage, 3, TrafficPolicy(load_balancer=LoadBalancer(policy=Balancing.ROUND_ROBIN)))
    assert set((await names(stage, 30)).values()) == {10}


@pytest.mark.parametrize("policy", [Balancing.RANDOM, Balancing.LEAST_REQUEST])
async def test_other_ways_reach_every_instance(mesh: Mesh, policy: Balancing) -> None:
    stage = await steered(mesh)
    await replicas(stage, 3, TrafficPolicy(load_balancer=LoadBalancer(policy=policy)))
    assert len(await names(stage, 60)) == 3


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_requests_with_the_same_header_go_to_the_same_instance(mesh: Mesh, limit: RateLimit | None) -> None:
    stage = await steered(mesh)
    balancer = LoadBalancer(policy=Balancing.CONSISTENT_HASH, hash_header="x-user")
    await replicas(stage, 4, TrafficPolicy(load_balancer=balancer, rate_limit=limit))
    homes = [await names(stage, 5, headers={"x-user": f"user-{number}"}) for number in range(20)]
    assert all(len(home) == 1 for home in homes)
    assert len({name for home in homes for name in home}) > 1


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_requests_from_the_same_address_go_to_the_same_instance(mesh: Mesh, limit: RateLimit | None) -> None:
    stage = await steered(mesh)
    balancer = LoadBalancer(policy=Balancing.CONSISTENT_HASH, hash_source=True)
    await replicas(stage, 4, TrafficPolicy(load_balancer=balancer, rate_limit=limit))
    homes = [{await name_for(stage, f"127.0.0.{number}") for _ in range(4)} for number in range(2, 22)]
    assert all(len(home) == 1 for home in homes)
    assert len({name for home in homes for name in home}) > 1


async def name_for(stage: Steered, source: str) -> str:
    """Which instance answers a caller at this address."""
    connector = TCPConnector(local_addr=(source, 0))
    async with ClientSession(connector=connector) as client, client.get(f"http://{stage.where()}/") as answer:
        return str((await answer.json())["name"])


@pytest.mark.parametrize(
    "policy",
    [
        TrafficPolicy(load_balancer=LoadBalancer(policy=Balancing.CONSISTENT_HASH, hash_source=True), rate_limit=LIMIT),
        TrafficPolicy(rate_limit=LIMIT, concurrency=9, session_persistence=SessionPersistence(cookie="sid")),
        TrafficPolicy(rules=(Rule(rate_limit=LIMIT, fault=Fault(delay=Delay(fixed=0.001))),)),
    ],
)
async def test_what_listeners_tell_each_other_is_not_told_to_services(mesh: Mesh, policy: TrafficPolicy) -> None:
    stage = await steered(mesh, policy, versions=("v1", "v2"))
    plain = await stage.ask_by_name(caller="thief", headers={"x-mine": "1"})
    await stage.set(TrafficPolicy())
    assert headers_of(plain) == headers_of(await stage.ask_by_name(caller="thief", headers={"x-mine": "1"}))
    assert not [name for name in headers_of(plain) if name.startswith(("x-sandbox", "x-envoy"))]


def headers_of(answer: Answer) -> list[str]:
    """What the instance was sent, but for what the client keeps."""
    return sorted(key.lower() for key, _ in json.loads(answer.body)["headers"] if key.lower() != "cookie")


def cookies(answer: Answer) -> str:
    return "; ".join(value.split(";")[0] for key, value in answer.pairs if key.lower() == "set-cookie")


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_a_cookie_is_given_to_who_has_none(mesh: Mesh, limit: RateLimit | None) -> None:
    stage = await steered(mesh)
    balancer = LoadBalancer(policy=Balancing.CONSISTENT_HASH, hash_cookie="home")
    await replicas(stage, 4, TrafficPolicy(load_balancer=balancer, rate_limit=limit))
    first = await stage.ask()
    assert cookies(first).startswith("home=")
    assert await names(stage, 10, headers={"cookie": cookies(first)}) == {first.name: 10}


async def test_a_session_stays_with_its_instance_and_its_version(mesh: Mesh) -> None:
    stage = await steered(mesh, versions=("v1", "v2"))
    for version in ("v1", "v2"):
        replicas_ = [await mesh.upstream(f"{version}-{number}") for number in range(3)]
        mesh.instances("steamer", *replicas_, version=version)
    policy = TrafficPolicy(
        rules=(Rule(backends=split(v1=50, v2=50)),), session_persistence=SessionPersistence(cookie="sid", ttl=60)
    )
    await stage.set(policy)
    homes = set()
    for _ in range(12):
        first = await stage.ask()
        assert "Max-Age=60" in "".join(value for key, value in first.pairs if key.lower() == "set-cookie")
        homes.add(first.name)
        assert await names(stage, 5, headers={"cookie": f"other=1; {cookies(first)}"}) == {first.name: 5}
    assert len({home.split("-")[0] for home in homes}) == 2


async def test_a_session_moves_when_its_instance_is_gone(mesh: Mesh) -> None:
    stage = await steered(mesh)
    upstreams = await replicas(stage, 2, TrafficPolicy(session_persistence=SessionPersistence(cookie="sid")))
    first = await stage.ask()
    mesh.instances("steamer", *(one for one in upstreams if one.name != first.name))
    await mesh.apply()
    assert (await stage.ask(headers={"cookie": cookies(first)})).name != first.name
