"""What measuring costs requests: the same service through an Envoy of the same configuration that measures nothing.

    python -m tests.benchmarks.telemetry [ROUNDS]

Limits at 8 connections: with telemetry as it is by default ≥ 0.85 × the requests per second of none; with every
request traced ≥ 0.6 ×. All take turns, and ratios are taken round by round.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from sandbox.api.client import Client
from sandbox.paths import ProjectPaths
from sandbox.proxy import managers
from sandbox.proxy.topology import Address
from tests.benchmarks.gateway import direct_and_gateway, have_wrk, kept, make_app, measure
from tests.benchmarks.project import Project, project
from tests.proxy.mesh import Mesh, a_service

CONNECTIONS = 8
PER_SECOND = 20.0


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    have_wrk()
    with tempfile.TemporaryDirectory() as folder, project(make_app(Path(folder) / "one")) as one:
        one.up()
        found = asyncio.run(measured(one, rounds))
    default, everything = (statistics.median(row[index] / row[0] for row in found) for index in (1, 2))
    print(f"requests per second without telemetry: {statistics.median(row[0] for row in found):.0f}")
    print(f"  by default:           {default:.2f} × (≥ 0.85: {kept(default >= 0.85)})")
    print(f"  every request traced: {everything:.2f} × (≥ 0.6: {kept(everything >= 0.6)})")


class Unmeasured(Mesh):
    """An Envoy as ours that counts and tells nothing."""

    def bootstrap(self) -> dict[str, Any]:
        found = super().bootstrap()
        found["stats_config"]["stats_matcher"] = {"reject_all": True}
        return found


async def measured(one: Project, rounds: int) -> list[tuple[float, float, float]]:
    """Requests per second: without, by default, with every request traced."""
    direct, gateway = direct_and_gateway(one)
    host, _, port = direct.removeprefix("http://").rstrip("/").partition(":")
    silence()
    rows = []
    async with Unmeasured() as mesh, Client(ProjectPaths(one.home, one.ps()["id"]).api_socket) as control:
        mesh.declare(a_service("shop", public=True))
        mesh.instances("shop", Address(host, int(port)))
        await mesh.apply()

        async def by_default() -> None:
            await control.traces.sampling(PER_SECOND)

        async def everything() -> None:
            await control.traces.sampling(everything=True)

        ways: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            (f"http://{mesh.gateway}/", by_default),
            (gateway, by_default),
            (gateway, everything),
        ]
        for _ in range(rounds + 1):  # the first warms all
            row = []
            for url, prepare in ways:
                await prepare()
                await asyncio.sleep(1.5)
                row.append((await asyncio.to_thread(measure, url, CONNECTIONS)).rps)
            rows.append((row[0], row[1], row[2]))
    return rows[1:]


def silence() -> None:
    """Of this process's listeners."""
    usual = managers.manager

    def manager(*given: Any, **more: Any) -> HttpConnectionManager:
        made = usual(*given, **more)
        made.ClearField("access_log")
        made.ClearField("tracing")
        return made

    managers.manager = manager


if __name__ == "__main__":
    main()
