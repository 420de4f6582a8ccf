"""The engine goes away and comes back while a cluster serves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sandbox.api.client import Client
from sandbox.paths import ProjectPaths
from tests.docker_engine import RealEngine
from tests.integration.containers import Cluster, cluster, shop
from tests.integration.harness import Traffic, eventually, get, newcomer
from tests.own_engine import OwnEngine, own_engine

RECONCILED_WITHIN = 10.0


@pytest.fixture(scope="module")
def installed(engine: RealEngine) -> Iterator[OwnEngine]:
    with own_engine() as made:
        made.load(engine, {engine.image("python")})
        yield made


@pytest.fixture(params=[(), ("--live-restore",)], ids=["containers end with it", "containers go on"])
def own(request: pytest.FixtureRequest, installed: OwnEngine) -> OwnEngine:
    if installed.options != request.param:
        installed.terminate()
        installed.options = request.param
        installed.start()
    return installed


@pytest.fixture
def away(own: OwnEngine) -> Iterator[Cluster]:
    """The shop in an engine that tests may kill."""
    with own.entered(), own.used() as used, newcomer() as user, cluster(user, used) as made:
        user.through = ("nsenter", f"--net={own.namespace}")
        made.write(shop(), docker={"proxy": "host"})
        made.up()
        yield made


def said(of: Cluster) -> list[str]:
    """What the project told about its engine."""

    async def read() -> list[str]:
        client = Client(ProjectPaths(of.user.state, of.id).api_socket)
        return [event.message async for event in client.events() if "engine" in event.message]

    return asyncio.run(read())


def healthy_replicas(of: Cluster) -> int:
    return sum(one["ready"] for one in of.ps()["services"])


def test_an_engine_that_crashes_under_load(own: OwnEngine, away: Cluster) -> None:
    gateway, before = away.ps()["gateway"], away.containers()
    with Traffic(f"{gateway}/via/stock/") as traffic:
        traffic.goes_on()
        own.kill()
        eventually(lambda: any("went away" in line for line in said(away)), 10)
        traffic.goes_on()
        away.run("scale", "stock=3")
        traffic.goes_on()
        assert traffic.failures == []
        own.start()
        eventually(lambda: healthy_replicas(away) == 4, RECONCILED_WITHIN)
        traffic.goes_on()
    assert len([line for line in said(away) if "went away" in line]) == 1
    assert "the Docker engine is back" in said(away)
    assert get(f"{gateway}/via/stock/")["instance"].startswith("stock")
    if "--live-restore" in own.options:
        assert traffic.failures == []
        assert away.containers().items() >= before.items()
