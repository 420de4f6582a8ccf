"""Traffic rules, through a real Envoy."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiohttp import web

from sandbox.errors import ProxyError
from sandbox.model import (
    BackendRef,
    HeaderMatch,
    Match,
    MatchType,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from tests.proxy.lots import Share, assert_fair
from tests.proxy.mesh import Handler, Mesh, Upstream, a_caller, a_service

VERSIONS = ("v1", "v2", "v3")


def only(version: str) -> tuple[BackendRef, ...]:
    return (BackendRef(version=version),)


def where(name: str, value: str = "", type: MatchType = MatchType.EXACT) -> Match:
    return Match(headers=(HeaderMatch(name=name, value=value, type=type),))


async def steamer(mesh: Mesh, *rules: Rule, versions: tuple[str, ...] = VERSIONS) -> dict[str, Upstream]:
    """`store` calls `steamer`, of which each version has an instance."""
    callee = a_service("steamer", versions=versions, policy=TrafficPolicy(rules=rules))
    mesh.declare(callee, callers=(a_caller("store", callee),))
    upstreams = {version: await mesh.upstream(version) for version in versions}
    for version, upstream in upstreams.items():
        mesh.instances("steamer", upstream, version=version)
    await mesh.apply()
    return upstreams


async def answers(mesh: Mesh, count: int, headers: dict[str, str] | None = None) -> Counter[str]:
    got = await asyncio.gather(*(mesh.get(mesh.edge("store", "steamer"), headers=headers) for _ in range(count)))
    return Counter(answer.name for answer in got)


async def test_weights_divide_the_traffic(mesh: Mesh) -> None:
    weights = {"v1": 90, "v2": 10, "v3": 0}
    await steamer(mesh, Rule(backends=tuple(BackendRef(version=v, weight=weight) for v, weight in weights.items())))

    async def draw() -> list[Share]:
        got = await answers(mesh, 500)
        assert got["v1"] == 500 - got["v2"]
        return [Share(got["v2"], 500, 0.1)]

    await assert_fair(draw)


async def test_without_rules_all_versions_take_part(mesh: Mesh) -> None:
    await steamer(mesh)
    assert set(await answers(mesh, 60)) == set(VERSIONS)


async def test_a_version_that_is_not_ready_is_passed_over_where_none_is_named(mesh: Mesh) -> None:
    await steamer(mesh, versions=("v1", "v2"))
    mesh.instances("steamer", version="v2")
    await mesh.apply()
    assert await answers(mesh, 30) == {"v1": 30}


async def test_a_named_version_that_is_not_ready_is_named_in_the_answer(mesh: Mesh) -> None:
    await steamer(mesh, Rule(backends=only("v2")))
    mesh.instances("steamer", version="v2")
    await mesh.apply()
    answer = await mesh.get(mesh.edge("store", "steamer"))
    said = "sandbox: steamer (v2) has no ready instance. Try: sandbox why steamer\n"
    assert (answer.status, answer.text) == (503, said)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({"x-canary": "true"}, "v2"),
        ({"x-canary": "truely"}, "v1"),
        ({"x-user": "anna-42"}, "v3"),
        ({"x-user": "bob-anna-42"}, "v1"),
        ({"x-debug": ""}, "v2"),
        ({}, "v1"),
    ],
)
async def test_headers_choose_the_rule(mesh: Mesh, headers: dict[str, str], version: str) -> None:
    await steamer(
        mesh,
        Rule(matches=(where("x-canary", "true"), where("x-debug", type=MatchType.PRESENT)), backends=only("v2")),
        Rule(matches=(where("x-user", "anna-[0-9]+", MatchType.REGULAR_EXPRESSION),), backends=only("v3")),
        Rule(backends=only("v1")),
    )
    assert await answers(mesh, 5, headers=headers) == {version: 5}


async def test_rules_hold_by_name_too(mesh: Mesh) -> None:
    await steamer(mesh, Rule(backends=only("v3")))
    assert (await mesh.get("steamer", proxy=mesh.http_proxy("store"))).name == "v3"


async def test_a_request_that_takes_too_long_is_given_up(mesh: Mesh) -> None:
    await handled_by(mesh, forever, Rule(timeouts=Timeouts(request=0.1)))
    answer = await mesh.get(mesh.edge("store", "steamer"))
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (504, "UT")
    assert answer.text == "sandbox: steamer (v1) took longer than its time limit. Try: sandbox logs steamer\n"


async def test_an_attempt_that_takes_too_long_is_repeated(mesh: Mesh) -> None:
    upstream = await handled_by(
        mesh, forever, Rule(timeouts=Timeouts(backend_request=0.05), retry=Retry(attempts=2, backoff=0.001))
    )
    assert (await mesh.get(mesh.edge("store", "steamer"))).status == 504
    assert upstream.seen == {"GET": 3}


async def test_codes_are_retried_for_idempotent_methods_only(mesh: Mesh) -> None:
    upstream = await handled_by(mesh, failing, Rule(retry=Retry(attempts=3, codes=(503,), backoff=0.001)))
    for method in ("GET", "PUT", "POST", "PATCH"):
        await mesh.request(method, mesh.edge("store", "steamer"))
    assert upstream.seen == {"GET": 4, "PUT": 4, "POST": 1, "PATCH": 1}


async def test_weights_that_are_all_zero_are_explained(mesh: Mesh) -> None:
    await steamer(mesh, Rule(backends=(BackendRef(version="v1", weight=0),)))
    answer = await mesh.get(mesh.edge("store", "steamer"))
    assert (answer.status, answer.text) == (503, "sandbox: every weight in this traffic rule of steamer is 0\n")


async def test_a_rule_for_a_version_that_does_not_exist_is_refused_before_envoy_sees_it(mesh: Mesh) -> None:
    with pytest.raises(ProxyError, match="rule 1 names version 'v9', which steamer does not have"):
        await steamer(mesh, Rule(backends=only("v9")))


async def handled_by(mesh: Mesh, handler: Handler, *rules: Rule) -> Upstream:
    await steamer(mesh, *rules, versions=("v1",))
    upstream = await mesh.upstream("handler", handler)
    mesh.instances("steamer", upstream)
    await mesh.apply()
    return upstream


async def forever(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def failing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="mine")
