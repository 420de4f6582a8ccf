"""Faults, through a real Envoy."""

from __future__ import annotations

import time

import grpc
import pytest
from aiohttp import ClientPayloadError

from sandbox.model import Abort, Delay, Fault, HeaderMatch, Match, Retry, Rule, Timeouts, TrafficPolicy
from sandbox.proxy.topology import Address
from tests.proxy.lots import Share, assert_fair
from tests.proxy.mesh import Mesh, a_caller, a_service
from tests.proxy.peers import GRPC, greet
from tests.proxy.steered import Steered, only, steered

ANNA = Match(headers=(HeaderMatch(name="x-user", value="anna"),))


async def test_a_delay_is_as_long_as_it_says_and_only_for_whom_it_is(mesh: Mesh) -> None:
    stage = await steered(mesh, None, Rule(matches=(ANNA,), fault=Fault(delay=Delay(fixed=0.15))))
    plain = await _fastest(stage, 0.05)
    delayed = await _fastest(stage, 0.16, headers={"x-user": "anna"})
    assert plain < 0.05
    assert 0.15 <= delayed < 0.16
    asked = stage.upstreams["v1"].seen["GET"]
    assert 0 < await stage.counter("http.inbound.fault.store|steamer.delays_injected") < asked


async def test_a_delay_counts_as_the_service_s_latency_and_against_time_limits(mesh: Mesh) -> None:
    rule = Rule(fault=Fault(delay=Delay(fixed=5)), timeouts=Timeouts(request=0.1))
    stage = await steered(mesh, None, rule)
    answer = await stage.ask()
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (504, "UT")
    assert answer.text == "sandbox: steamer (v1) took longer than its time limit. Try: sandbox logs steamer\n"
    assert await stage.cluster("upstream_rq_timeout", guarded=True) == 1


async def test_a_share_of_the_requests_is_aborted(mesh: Mesh) -> None:
    rule = Rule(fault=Fault(abort=Abort(http_status=418, percentage=20)))
    stage = await steered(mesh, None, rule)
    aborted = 0

    async def draw() -> list[Share]:
        nonlocal aborted
        got = await stage.statuses(1000)
        assert got.keys() == {200, 418}
        aborted += got[418]
        return [Share(got[418], 1000, 0.2)]

    await assert_fair(draw)
    assert await stage.counter("http.inbound.fault.store|steamer.aborts_injected") == aborted
    assert await stage.cluster("upstream_rq_418", guarded=True) == aborted


async def test_a_share_of_the_requests_is_slowed_down(mesh: Mesh) -> None:
    stage = await steered(mesh, None, Rule(fault=Fault(delay=Delay(fixed=0.001, percentage=30))))
    slowed = 0

    async def draw() -> list[Share]:
        nonlocal slowed
        assert await stage.statuses(400) == {200: 400}
        before, slowed = slowed, await stage.counter("http.inbound.fault.store|steamer.delays_injected")
        return [Share(slowed - before, 400, 0.3)]

    await assert_fair(draw)


async def test_an_abort_says_which_rule_it_comes_from(mesh: Mesh) -> None:
    stage = await steered(mesh, None, Rule(matches=(ANNA,), fault=Fault(abort=Abort(http_status=503))))
    answer = await stage.ask(headers={"x-user": "anna"})
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (503, "FI")
    assert answer.text == "sandbox: a fault in rule 1 of steamer answered. Try: sandbox traffic get steamer\n"
    assert (await stage.ask()).status == 200


async def test_retries_tame_an_abort(mesh: Mesh) -> None:
    rule = Rule(
        fault=Fault(abort=Abort(http_status=503, percentage=50)), retry=Retry(attempts=30, codes=(503,), backoff=0.001)
    )
    stage = await steered(mesh, None, rule)
    assert await stage.statuses(200) == {200: 200}
    assert await stage.cluster("upstream_rq_retry", guarded=True) > 100


async def test_a_connection_breaks_off_in_the_middle_of_an_answer(mesh: Mesh) -> None:
    stage = await steered(mesh, None, Rule(matches=(ANNA,), fault=Fault(abort=Abort(reset=True))))
    for caller in ("store", "gateway"):
        with pytest.raises(ClientPayloadError):
            await stage.ask(caller=caller, headers={"x-user": "anna"})
        assert (await stage.ask(caller=caller)).status == 200
    assert stage.upstreams["v1"].seen == {"GET": 2}
    assert await stage.counter("cluster.broken|store|steamer|8000.upstream_rq_total") == 1


async def test_a_share_of_the_connections_breaks_off_and_weights_stay(mesh: Mesh) -> None:
    rule = Rule(fault=Fault(abort=Abort(reset=True, percentage=30)), backends=(*only("v1"), *only("v2")), name="half")
    stage = await steered(mesh, None, rule, versions=("v1", "v2"))
    first = 0

    async def draw() -> list[Share]:
        nonlocal first
        broken = sum([await _breaks(stage) for _ in range(400)])
        before, first = first, stage.upstreams["v1"].seen["GET"]
        return [Share(broken, 400, 0.3), Share(first - before, 400 - broken, 0.5)]

    await assert_fair(draw)


async def _breaks(stage: Steered) -> bool:
    try:
        await stage.ask()
    except ClientPayloadError:
        return True
    return False


@pytest.mark.parametrize(("abort", "code"), [(Abort(grpc_status=14), 14), (Abort(http_status=429), 14)])
async def test_grpc_callers_get_grpc_statuses(mesh: Mesh, greeter: Address, abort: Abort, code: int) -> None:
    await _greeted(mesh, greeter, abort)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await greet(mesh.edge("store", "greeter", 50051))
    assert error.value.code().value[0] == code


async def test_a_grpc_call_breaks_off(mesh: Mesh, greeter: Address) -> None:
    await _greeted(mesh, greeter, Abort(reset=True))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await greet(mesh.edge("store", "greeter", 50051))
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def _greeted(mesh: Mesh, greeter: Address, abort: Abort) -> None:
    policy = TrafficPolicy(rules=(Rule(fault=Fault(abort=abort)),))
    service = a_service("greeter", ports=GRPC, policy=policy)
    mesh.declare(service, callers=(a_caller("store", service),))
    mesh.instances("greeter", greeter, port=50051)
    await mesh.apply()


async def _fastest(stage: Steered, enough: float, **options: object) -> float:
    """Of up to forty: what else this machine does is no part of a delay."""
    fastest = float("inf")
    for _ in range(40):
        began = time.perf_counter()
        assert (await stage.ask(**options)).status == 200  # type: ignore[arg-type]
        fastest = min(fastest, time.perf_counter() - began)
        if fastest < enough:
            break
    return fastest
