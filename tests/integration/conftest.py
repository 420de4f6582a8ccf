"""Users with empty homes, who leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_engine import RealEngine
from tests.integration.containers import LANE, LAYOUTS, Cluster, cluster, lane, shop
from tests.integration.harness import Sandbox, make_shop, newcomer
from tests.integration.outside import outside
from tests.integration.saved import Saved


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with newcomer() as user:
        yield user


@pytest.fixture(name="shop")
def shop_of_processes(sandbox: Sandbox) -> Path:
    return make_shop(sandbox.home / "shop")


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def saved(request: pytest.FixtureRequest, sandbox: Sandbox) -> Saved:
    if request.param == "docker":
        engine: RealEngine = request.getfixturevalue("engine")
        sandbox.environment |= {"SANDBOX_RUNTIME": "docker", **engine.variables}
    return Saved(sandbox)


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    """Where Envoy runs."""
    return str(request.param)


@pytest.fixture
def empty(sandbox: Sandbox, engine: RealEngine) -> Iterator[Cluster]:
    """A project of containers that still has no file."""
    with cluster(sandbox, engine) as made:
        yield made


@pytest.fixture(scope="module", params=LAYOUTS)
def mesh(request: pytest.FixtureRequest, engine: RealEngine) -> Iterator[Cluster]:
    """The shop and the lane in containers, up and running; for all tests of a module that leave them as they are."""
    with newcomer() as user, outside(engine, user.home) as host, cluster(user, engine) as made:
        user.environment["SSL_CERT_FILE"] = str(host.bundle)
        made.write({**shop(), **lane(host.url)}, docker={"proxy": request.param}, traffic=LANE)
        made.up()
        yield made
