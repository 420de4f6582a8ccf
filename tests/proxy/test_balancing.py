"""Which of several instances answers, through a real Envoy."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import ClientSession, TCPConnector, web

from sandbox.model import (
    Balancing,
    Delay,
    Fault,
    LoadBalancer,
    RateLimit,
    Rule,
    SessionPersistence,
    TrafficPolicy,
)
from tests.proxy.mesh import Answer, Mesh, Upstream, eventually
from tests.proxy.steered import Steered, split, steered

LIMIT = RateLimit(requests=10_000)
"""What sends a rule through the inbound listener and nothing else."""


async def replicas(stage: Steered, count: int, policy: TrafficPolicy) -> list[Upstream]:
    upstreams = [await stage.mesh.upstream(f"r{number}") for number in range(count)]
    stage.mesh.instances("steamer", *upstreams)
    await stage.set(policy)
    return upstreams


async def names(stage: Steered, count: int, **options: object) -> Counter[str]:
    return Counter([(await stage.ask(**options)).name for _ in range(count)])  # type: ignore[arg-type]


async def test_round_robin_is_even(mesh: Mesh) -> None:
    stage = await steered(mesh)
    await replicas(stage, 3, TrafficPolicy(load_balancer=LoadBalancer(policy=Balancing.ROUND_ROBIN)))
    assert set((await names(stage, 30)).values()) == {10}


@pytest.mark.parametrize("policy", [Balancing.RANDOM, Balancing.LEAST_REQUEST])
async def test_other_ways_reach_every_instance_in_no_order(mesh: Mesh, policy: Balancing) -> None:
    stage = await steered(mesh)
    await replicas(stage, 3, TrafficPolicy(load_balancer=LoadBalancer(policy=policy)))
    answered = [(await stage.ask()).name for _ in range(60)]
    assert len(set(answered)) == 3
    assert answered[3:] != answered[:-3]  # as they would one after the other


@pytest.mark.parametrize("policy", [Balancing.RANDOM, Balancing.LEAST_REQUEST, None])
async def test_least_request_and_the_default_spare_who_is_busy(mesh: Mesh, policy: Balancing | None) -> None:
    """Of two instances by lot; random takes one in two of the busy one, least request one in four."""
    gate, waiting = asyncio.Event(), 0

    async def held(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        if request.path == "/hold":
            waiting += 1
            await gate.wait()
        return web.Response()

    stage = await steered(mesh)
    busy, free = await mesh.upstream("busy", held), await mesh.upstream("free", held)
    mesh.instances("steamer", busy)
    await stage.set(TrafficPolicy(load_balancer=LoadBalancer(policy=policy) if policy is not None else None))
    holding = [asyncio.create_task(stage.ask("/hold")) for _ in range(2)]
    await eventually(lambda: waiting == 2)
    mesh.instances("steamer", busy, free)
    await mesh.apply()
    assert await stage.statuses(400, at_once=1) == {200: 400}
    gate.set()
    await asyncio.gather(*holding)
    assert (busy.seen["GET"] - 2 < 150) is (policy is not Balancing.RANDOM)


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
    plain = await stage.ask_by_name(caller="thief", headers={"X-MiNe": "1"})
    await stage.set(TrafficPolicy())
    assert headers_of(plain) == headers_of(await stage.ask_by_name(caller="thief", headers={"X-MiNe": "1"}))
    assert not [name for name in headers_of(plain) if name.lower().startswith(("x-sandbox", "x-envoy"))]


def headers_of(answer: Answer) -> list[str]:
    """What the instance was sent, but for what the client keeps."""
    return sorted(key for key, _ in json.loads(answer.body)["headers"] if key.lower() != "cookie")


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
