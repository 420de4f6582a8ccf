"""How fast a change reaches traffic, and what a service costs in Envoy's memory.

Run: python tests/benchmarks/control_plane.py [SERVICES …]

Each service calls one other one, so it brings an edge listener, an HTTP proxy and its clusters. Times run from the
call of `apply` until a request through Envoy shows the change.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from sandbox.model import Port
from sandbox.paths import ProjectPaths
from sandbox.proxy import envoy
from sandbox.proxy.admin import Admin
from sandbox.proxy.control_plane import ControlPlane
from sandbox.proxy.topology import Address, Caller, EdgeListener, EndpointKey, MeshService, Topology

LOOPBACK = "127.0.0.1"
FIRST_PORT = 20000
FLIPS = 200
ADDITIONS = 20
TARGETS = {10: (10, 50), 100: (15, 100), 1000: (25, 250)}
KILOBYTES_A_SERVICE = 100

Endpoints = dict[EndpointKey, tuple[Address, ...]]


@dataclass(frozen=True)
class Result:
    services: int
    first: float
    flip_p50: float
    flip_p99: float
    added_p50: float
    added_worst: float
    kilobytes: float
    kilobytes_allocated: float


def service(number: int) -> MeshService:
    return MeshService(name=f"service-{number}", versions=("v1",), ports=(Port(number=8000),))


def caller(number: int, count: int) -> Caller:
    edge = EdgeListener(
        callee=f"service-{(number + 1) % count}", port=8000, bind=Address(LOOPBACK, FIRST_PORT + 2 * number)
    )
    return Caller(name=f"service-{number}", http_proxy=Address(LOOPBACK, FIRST_PORT + 2 * number + 1), edges=(edge,))


def topology(count: int, outbound: Path) -> Topology:
    return Topology(
        gateway=Address(LOOPBACK, FIRST_PORT - 1),
        default_service=None,
        services=tuple(service(number) for number in range(count)),
        callers=tuple(caller(number, count) for number in range(count)),
        published=(),
        outbound_socket=outbound,
    )


def grown(old: Topology, number: int) -> Topology:
    """One more service, which calls the first."""
    edge = EdgeListener(callee="service-0", port=8000, bind=Address(LOOPBACK, FIRST_PORT + 2 * number))
    new = Caller(name=f"service-{number}", http_proxy=Address(LOOPBACK, FIRST_PORT + 2 * number + 1), edges=(edge,))
    return replace(old, services=(*old.services, service(number)), callers=(*old.callers, new))


async def say(word: bytes) -> asyncio.Server:
    """An upstream that answers every request with `word`."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(word), word)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return await asyncio.start_server(serve, LOOPBACK)


def address_of(server: asyncio.Server) -> Address:
    return Address(LOOPBACK, server.sockets[0].getsockname()[1])


class Client:
    """One kept connection through a listener."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def body(self) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(LOOPBACK, self._port)
        reader, writer = self._streams
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return await reader.readexactly(length)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def seconds_until(change: Awaitable[None], client: Client, word: bytes) -> float:
    began = time.perf_counter()
    await change
    while True:
        try:
            if await client.body() == word:
                return time.perf_counter() - began
        except ConnectionError:
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running() -> AsyncIterator[tuple[ControlPlane, ProjectPaths, psutil.Process]]:
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as home:
        paths = ProjectPaths(Path(home), "bench")
        paths.create()
        bootstrap = paths.envoy / "bootstrap.json"
        bootstrap.write_text(json.dumps(envoy.bootstrap(paths, "bench")))
        plane = ControlPlane(paths.ads_socket, accepts_within=60)
        await plane.start()
        process = subprocess.Popen(
            envoy.command(envoy.find_envoy(), bootstrap), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            await plane.wait_connected(15)
            yield plane, paths, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            await plane.close()


async def measure(count: int) -> Result:
    async with AsyncExitStack() as stack:
        plane, paths, process = await stack.enter_async_context(running())
        admin = await stack.enter_async_context(Admin(paths.admin_socket))
        one = await stack.enter_async_context(await say(b"one"))
        two = await stack.enter_async_context(await say(b"two"))
        wanted = topology(count, paths.outbound_socket)
        endpoints: Endpoints = {EndpointKey(s.name, "v1", 8000): (address_of(one),) for s in wanted.services}
        await plane.apply(topology(1, paths.outbound_socket), endpoints)
        rss, allocated = process.memory_info().rss, (await admin.memory())["allocated"]
        first = await timed(lambda: plane.apply(wanted, endpoints))
        rss, allocated = process.memory_info().rss - rss, (await admin.memory())["allocated"] - allocated
        flips = await flip(plane, wanted, endpoints, (address_of(one), address_of(two)))
        added = await add(plane, wanted, endpoints, address_of(one))
        return Result(
            services=count,
            first=first,
            flip_p50=statistics.median(flips),
            flip_p99=statistics.quantiles(flips, n=100)[98],
            added_p50=statistics.median(added),
            added_worst=max(added),
            kilobytes=rss / 1024 / (count - 1),
            kilobytes_allocated=allocated / 1024 / (count - 1),
        )


async def timed(action: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


async def flip(
    plane: ControlPlane, wanted: Topology, endpoints: Endpoints, ends: tuple[Address, Address]
) -> list[float]:
    client, key = Client(FIRST_PORT), EndpointKey("service-1", "v1", 8000)
    results = []
    for round_ in range(FLIPS):
        word, address = ((b"one", ends[0]), (b"two", ends[1]))[(round_ + 1) % 2]
        endpoints[key] = (address,)
        results.append(await seconds_until(plane.apply(wanted, dict(endpoints)), client, word))
    client.close()
    return results


async def add(plane: ControlPlane, wanted: Topology, endpoints: Endpoints, address: Address) -> list[float]:
    results = []
    for number in range(len(wanted.services), len(wanted.services) + ADDITIONS):
        wanted = grown(wanted, number)
        endpoints[EndpointKey(f"service-{number}", "v1", 8000)] = (address,)
        client = Client(FIRST_PORT + 2 * number)
        results.append(await seconds_until(plane.apply(wanted, dict(endpoints)), client, b"one"))
        client.close()
    return results


def row(result: Result) -> str:
    flip_limit, added_limit = TARGETS.get(result.services, (0, 0))
    return (
        f"{result.services:>8} {result.first * 1000:>9.0f}"
        f" {result.flip_p50 * 1000:>9.1f} {result.flip_p99 * 1000:>9.1f} {flip_limit:>6}"
        f" {result.added_p50 * 1000:>9.1f} {result.added_worst * 1000:>9.1f} {added_limit:>6}"
        f" {result.kilobytes:>8.0f} {result.kilobytes_allocated:>9.0f} {KILOBYTES_A_SERVICE:>6}"
    )


HEADER = (
    "services  all (ms)  flip p50  flip p99  limit added p50   longest  limit   RSS KB heap (KB)  limit\n"
    "                        (ms)      (ms)             (ms)      (ms)          a service each"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("services", nargs="*", type=int, default=list(TARGETS))
    print(HEADER)
    for count in parser.parse_args().services:
        print(row(asyncio.run(measure(count))), flush=True)


if __name__ == "__main__":
    main()
