"""What a change of traffic takes until it is in force, and what it costs the requests meanwhile.

Run: python -m tests.benchmarks.steering [SERVICES [CHANGES]]

A project of so many services, each with two versions, has its splits changed one after the other while clients keep
asking on open connections. After each change one request must already go where it says. The time is that of the whole
change: read, checked as the file is, linted, accepted by Envoy, kept on disk.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession, TCPConnector, TraceConfig

from sandbox.config.traffic.document import document
from sandbox.config.traffic.policies import parse_policies
from sandbox.control import Change, Edit, EditAction
from sandbox.events import Bus
from sandbox.model import Project
from sandbox.supervisor.steering.control import Steering
from sandbox.supervisor.steering.means import Means, Policies
from sandbox.supervisor.wiring import with_policies
from sandbox.tasks import Tasks
from sandbox.traffic.revisions import RevisionStore
from tests.proxy.mesh import Mesh, a_caller
from tests.proxy.mesh import a_service as a_mesh_service
from tests.supervisor.build import a_project, a_service, a_version

CLIENTS = 4
VERSIONS = ("v1", "v2")


@dataclass
class Load:
    """Clients with a connection each, which they keep."""

    url: str
    answers: Counter[int] = field(default_factory=Counter)
    connections: int = 0

    async def run(self, end: asyncio.Event) -> None:
        await asyncio.gather(*(self._client(end) for _ in range(CLIENTS)))

    async def _client(self, end: asyncio.Event) -> None:
        async with ClientSession(connector=TCPConnector(limit=1), trace_configs=[self._counting()]) as session:
            while not end.is_set():
                async with session.get(self.url) as response:
                    await response.read()
                    self.answers[response.status] += 1

    def _counting(self) -> TraceConfig:
        async def opened(*_: object) -> None:
            self.connections += 1

        config = TraceConfig()
        config.on_connection_create_end.append(opened)
        return config


def the_project(services: int) -> Project:
    versions = tuple(a_version(name) for name in VERSIONS)
    last = services - 1
    chain = [
        a_service(f"s{number}", *versions, calls=(f"s{number + 1}",) if number < last else ())
        for number in range(services)
    ]
    return a_project(a_service("shop", calls=("s0",), public=True), *chain)


def caller_of(number: int) -> str:
    """Each service is called by the one before it."""
    return f"s{number - 1}" if number else "shop"


async def the_mesh(mesh: Mesh, services: int) -> None:
    callees = [a_mesh_service(f"s{number}", versions=VERSIONS) for number in range(services)]
    callers = [a_caller(caller_of(number), callee) for number, callee in enumerate(callees)]
    mesh.declare(*callees, callers=tuple(callers))
    for version in VERSIONS:
        upstream = await mesh.upstream(version)
        for callee in callees:
            mesh.instances(callee.name, upstream, version=version)
    await mesh.apply()


class _Nothing:
    """The file has no policies."""

    def publish(self, policies: Policies) -> None:
        assert not policies

    async def offer(self, policies: Policies) -> None:
        assert not policies


def steering(mesh: Mesh, project: Project, folder: Path) -> Steering:
    async def enforce(policies: Policies) -> str:
        await mesh.plane.apply(with_policies(mesh.topology, policies), dict(mesh.endpoints))
        return ""

    async def golden(*_: object) -> None:
        return None

    def save(*_: object) -> Path:
        return folder

    means = Means(
        project=lambda: project,
        parse=lambda of, documents: parse_policies(documents, of),
        document=document,
        enforce=enforce,
        ready=lambda: {name: frozenset(VERSIONS) for name in project.services},
        golden=golden,
        recorded=lambda: (),
        save=save,
        bus=Bus(),
    )
    return Steering(means, RevisionStore(folder / "traffic.db", print), Tasks())


async def measure(services: int, changes: int) -> None:
    project = the_project(services)
    with tempfile.TemporaryDirectory() as folder:
        async with Mesh() as mesh:
            await the_mesh(mesh, services)
            control = steering(mesh, project, Path(folder))
            await control.begin(project, _Nothing())
            load, end = Load(f"http://{mesh.edge('shop', 's0')}/"), asyncio.Event()
            under_load = asyncio.ensure_future(load.run(end))
            times, stale = await changed(mesh, control, services, changes)
            end.set()
            await under_load
    report(services, times, stale, load)


async def changed(mesh: Mesh, control: Steering, services: int, changes: int) -> tuple[list[float], int]:
    times, stale = [], 0
    for number in range(changes):
        name, version = f"s{number % services}", VERSIONS[number // services % 2]
        edit = Edit(service=name, action=EditAction.ROUTE, values={"version": version})
        began = time.perf_counter()
        await control.change(Change(edits=(edit,)))
        times.append(time.perf_counter() - began)
        stale += (await mesh.get(mesh.edge(caller_of(number % services), name))).name != version
    return times, stale


def report(services: int, times: list[float], stale: int, load: Load) -> None:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    failed = sum(count for status, count in load.answers.items() if status != 200)
    print(f"{len(times)} changes at {services} services, {CLIENTS} clients asking meanwhile")
    print(f"  in force after   p50 {statistics.median(times) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")
    print(f"  answered stale   {stale}")
    print(f"  requests failed  {failed} of {load.answers.total()}")
    print(f"  connections      {load.connections}, of {CLIENTS} clients")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    asyncio.run(measure(*(numbers + [100, 1000][len(numbers) :])))
