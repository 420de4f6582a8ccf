"""One service as a process, the rest in containers, as a person has it who debugs that one; and the other way round."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.api.client import Client
from sandbox.paths import ProjectPaths
from tests.integration.containers import Cluster, peer
from tests.integration.harness import SERVICE, eventually, get, instances

PROCESS = {"build": "./code", "runtime": "process", "ports": ["8000"]}


def street(middle: str) -> dict[str, Any]:
    """`front` calls `web`, and `web` calls `stock`: once into the middle and once out of it."""

    def service(name: str, **keys: Any) -> dict[str, Any]:
        return {**PROCESS, **keys} if (name == "web") == (middle == "process") else peer(**keys)

    return {
        "front": service("front", public=True, depends_on=["web"]),
        "web": service("web", depends_on=["stock"]),
        "stock": service("stock"),
    }


def edges(cluster: Cluster) -> set[tuple[str, str]]:
    """Who was seen calling whom in the last seconds."""
    seen = asyncio.run(Client(ProjectPaths(cluster.user.state, cluster.id).api_socket).telemetry())
    return {(edge.caller, edge.callee) for edge in seen.edges if edge.signals.requests_per_second}


@pytest.mark.parametrize("middle", ["process", "docker"])
def test_calls_cross_both_ways_and_everybody_is_known(empty: Cluster, layout: str, middle: str) -> None:
    (empty.folder / "code").mkdir()
    (empty.folder / "code" / "app.py").write_text(SERVICE)
    empty.write(street(middle), docker={"proxy": layout})
    empty.up()
    ps = empty.ps()
    contained = [bool(instances(ps, name)[0]["container"]) for name in ("front", "web", "stock")]
    assert contained == ([True, False, True] if middle == "process" else [False, True, False])

    def seen() -> bool:
        by_url, by_name = "via/web/via/stock", "name/web:8000/name/stock:8000"
        assert [get(f"{ps['gateway']}/{way}/x")["instance"] for way in (by_url, by_name)] == ["stock-v1-1"] * 2
        return edges(empty) == {("gateway", "front"), ("front", "web"), ("web", "stock")}

    eventually(seen, 15)
    empty.run("down")
    assert empty.engine.leftovers(empty.id) == []
    assert empty.user.left_running() == []
