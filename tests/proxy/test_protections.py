"""Retries, breakers and ejections, through a real Envoy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from aiohttp import web

from sandbox.model import (
    ConnectionPool,
    OutlierDetection,
    RateLimit,
    Retry,
    RetryBudget,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.proxy.topology import Address
from tests.proxy.mesh import LOOPBACK, Handler, Mesh, eventually, free_port
from tests.proxy.steered import failing, forever, steered

LIMIT = RateLimit(requests=10_000)
"""What sends a rule through the inbound listener and nothing else."""


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


@pytest.mark.parametrize("limit", [None, LIMIT])
async def test_answers_for_gateways_are_counted_apart(mesh: Mesh, limit: RateLimit | None) -> None:
    """Of two that fail, the one with 502 is left out, and the one with 500 is not."""
    stage = await steered(mesh)
    broken, faulty = await mesh.upstream("broken", _answering(502)), await mesh.upstream("faulty", _answering(500))
    mesh.instances("steamer", broken, faulty)
    detection = OutlierDetection(
        consecutive_5xx=None, consecutive_gateway_errors=2, interval=0.05, base_ejection_time=60
    )
    await stage.set(TrafficPolicy(outlier_detection=detection, rate_limit=limit))
    await stage.statuses(30)
    assert await stage.statuses(20) == {500: 20}
    cluster = "cluster.inbound|steamer|v1|8000" if limit else "cluster.edge|store|steamer|v1|8000"
    assert await stage.counter(f"{cluster}.outlier_detection.ejections_enforced_consecutive_gateway_failure") == 1


async def test_no_more_than_a_share_of_the_instances_is_left_out(mesh: Mesh) -> None:
    stage = await steered(mesh)
    mesh.instances("steamer", *[await mesh.upstream(f"bad{number}", failing) for number in range(4)])
    detection = OutlierDetection(consecutive_5xx=1, interval=0.05, base_ejection_time=60, max_ejection_percent=50)
    await stage.set(TrafficPolicy(outlier_detection=detection))
    await stage.statuses(60)
    assert await stage.cluster("outlier_detection.ejections_active") == 2


async def test_who_was_left_out_comes_back(mesh: Mesh) -> None:
    stage = await steered(mesh)
    bad, good = await mesh.upstream("bad", failing), await mesh.upstream("good")
    mesh.instances("steamer", bad, good)
    detection = OutlierDetection(consecutive_5xx=1, interval=0.05, base_ejection_time=0.05)
    await stage.set(TrafficPolicy(outlier_detection=detection))
    while await stage.cluster("outlier_detection.ejections_enforced_total") < 2:
        await stage.ask()
    assert bad.seen["GET"] >= 2


async def test_a_connection_that_does_not_come_about_is_waited_for_as_long_as_it_says(mesh: Mesh) -> None:
    """With the default of two seconds the request's own limit would be over before."""
    with closed_to_more() as full:
        stage = await steered(mesh)
        mesh.instances("steamer", full)
        rule = Rule(timeouts=Timeouts(request=1.5), retry=Retry(attempts=0))
        await stage.set(TrafficPolicy(rules=(rule,), connection_pool=ConnectionPool(connect_timeout=0.05)))
        answer = await stage.ask()
    assert (answer.status, "UF" in answer.headers["x-sandbox-reason"]) == (503, True)
    assert await stage.cluster("upstream_cx_connect_timeout") == 1


@contextmanager
def closed_to_more() -> Iterator[Address]:
    """An address whose queue of connections is full: whoever connects hears nothing."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((LOOPBACK, 0))
        server.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield Address(*server.getsockname())


@pytest.mark.parametrize(("backoff", "tries"), [(0.001, 2), (3600.0, 1)])
async def test_how_long_it_pauses_before_it_tries_again(mesh: Mesh, backoff: float, tries: int) -> None:
    """By lot, up to this: the odds that five pauses of up to an hour end within a second are none."""
    rule = Rule(timeouts=Timeouts(request=1), retry=Retry(attempts=1, codes=(503,), backoff=backoff))
    stage = await steered(mesh, None, rule, handlers={"v1": failing})
    await stage.statuses(5)
    assert stage.upstreams["v1"].seen == {"GET": 5 * tries}


def _answering(status: int) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    return answer
