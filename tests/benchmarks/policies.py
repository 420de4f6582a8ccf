"""How long policy changes take until a request shows them, and whether anybody notices them under load.

    python -m tests.benchmarks.policies [CHANGES] [SERVICES]

One service of many changes its policy. Times run from the call of `apply` to the answer that carries the change, with
nothing else to do; then the same again while clients in a process of their own keep their connections and never pause.
Limits: p99 ≤ 50 ms at 100 services; no failed request, no connection lost or asked to close.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from sandbox.model import HeaderModifier, Rule, TrafficPolicy
from sandbox.proxy.topology import Address, EndpointKey, Topology
from tests.benchmarks.control_plane import FIRST_PORT, LOOPBACK, address_of, running, say, topology
from tests.benchmarks.gateway import kept
from tests.proxy.changes import policies, watching

CLIENTS = 4
LOAD = "--load"
QUIET_CHANGES = 300
LIMIT_MS = 50
REVISION = b"x-revision: "


def stamped(policy: TrafficPolicy, revision: int) -> TrafficPolicy:
    """The same, and every answer says which it is."""
    stamp = HeaderModifier(set={"x-revision": str(revision)})
    rules = tuple(replace(rule, response_headers=stamp) for rule in policy.rules)
    return replace(policy, rules=(*rules, Rule(response_headers=stamp)) if all(r.matches for r in rules) else rules)


def steered(wanted: Topology, policy: TrafficPolicy) -> Topology:
    first, second, *rest = wanted.services
    return replace(wanted, services=(first, replace(second, versions=("v1", "v2"), policy=policy), *rest))


class Looker:
    """One kept connection: which revision answers?"""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def revision(self) -> int:
        self._writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        return int(head.split(REVISION)[1].split(b"\r\n")[0]) if REVISION in head else -1


async def measure(changes: int, services: int) -> bool:
    async with AsyncExitStack() as stack:
        plane, paths, _ = await stack.enter_async_context(running())
        server = await stack.enter_async_context(await say(b"one"))
        wanted = topology(services, paths.outbound_socket)
        endpoints = {EndpointKey(one.name, "v1", 8000): (address_of(server),) for one in wanted.services}
        endpoints[EndpointKey("service-1", "v2", 8000)] = (address_of(server),)
        await plane.apply(steered(wanted, TrafficPolicy()), endpoints)
        looker = Looker(*await asyncio.open_connection(LOOPBACK, FIRST_PORT))
        changing = enumerate(policies())

        async def change() -> float:
            number, policy = next(changing)
            began = time.perf_counter()
            await plane.apply(steered(wanted, stamped(policy, number)), endpoints)
            while await looker.revision() != number:
                pass
            return time.perf_counter() - began

        quiet = [await change() for _ in range(QUIET_CHANGES)]
        clients = await start_load()
        busy = [await change() for _ in range(changes)]
        output, _ = await clients.communicate(b"enough")
        return report(quiet, busy, json.loads(output), services)


async def start_load() -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-m", __spec__.name, LOAD, stdin=pipe, stdout=pipe)


async def load() -> None:
    """Until its input ends."""
    async with watching(Address(LOOPBACK, FIRST_PORT), clients=CLIENTS) as watch:
        await asyncio.to_thread(sys.stdin.read)
    told = {"total": watch.answers.total(), "failed": watch.failed, "lost": watch.lost, "closing": watch.closing}
    print(json.dumps(told))


def report(quiet: list[float], busy: list[float], load: dict[str, Any], services: int) -> bool:
    p99 = percentile(quiet, 99)
    failed, lost, closing = sum(load["failed"].values()), load["lost"], load["closing"]
    well = not failed and not lost and not closing
    print(f"apply → in force at {services} services, {len(quiet)} policy changes")
    print(f"  p50 {percentile(quiet, 50):.1f} ms, p99 {p99:.1f} ms (≤ {LIMIT_MS}: {kept(p99 <= LIMIT_MS)})")
    print(f"{len(busy)} changes while {CLIENTS} clients never pause")
    print(
        f"  p50 {percentile(busy, 50):.1f} ms, p99 {percentile(busy, 99):.1f} ms (these clients take what a core has)"
    )
    print(
        f"  {load['total']} requests, {failed} failed, {lost} connections lost, {closing} asked to close: {kept(well)}"
    )
    for answer, count in load["failed"].items():
        print(f"  {count} × {answer}")
    return well and p99 <= LIMIT_MS


def percentile(seconds: list[float], rank: int) -> float:
    """In milliseconds."""
    return statistics.quantiles(seconds, n=100)[rank - 1] * 1000


def main() -> None:
    if LOAD in sys.argv:
        asyncio.run(load())
        return
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    services = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    sys.exit(0 if asyncio.run(measure(changes, services)) else 1)


if __name__ == "__main__":
    main()
