"""What it costs to read, keep and ask for the numbers of 100 services that call 3 others each.

    python -m tests.benchmarks.numbers [SECONDS]

Limits: reading and keeping ≤ 50 ms of one core a second, Envoy's share included; with the store full, a query of the
last 15 minutes for one service p95 ≤ 30 ms, and the file ≤ 200 MB.

One process asks Envoy's 300 edges, another reads and keeps, so that its time is that of nothing else. Envoy's own is
what it uses while it is read ten times a second and nobody calls, a tenth of it.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from sandbox.control import Metric, MetricsQuery
from sandbox.proxy.admin import admin_session
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService
from sandbox.telemetry.chunks import STEPS, Columns, add, pack
from sandbox.telemetry.columns import READINGS, EdgeKey, SeriesKey
from sandbox.telemetry.database import ChunkRow
from sandbox.telemetry.query import answered, plan
from sandbox.telemetry.recorder import Recorder
from sandbox.telemetry.scrape import Scraper
from sandbox.telemetry.store import CLOCK, COVERAGE, KEPT, Store
from tests.proxy.mesh import LOOPBACK, Mesh, a_service

SERVICES, CALLEES = 100, 3
FIRST_PORT = 21000
QUERIES = 60
METRICS = (Metric.REQUESTS, Metric.ERRORS, Metric.ERROR_RATIO, Metric.P50, Metric.P95, Metric.P99, Metric.RETRIES)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
    ours, envoys = asyncio.run(reading(seconds))
    print(f"{SERVICES} services × {CALLEES} edges, once a second")
    print(f"  read and kept:  {ours:5.1f} ms of a core")
    print(f"  told by Envoy:  {envoys:5.1f} ms of a core")
    print(f"  together        {ours + envoys:5.1f} ms (limit 50: {kept(ours + envoys <= 50)})")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.db"
        filled(path)
        p50, p95 = queried(path)
        size = sum(one.stat().st_size for one in Path(folder).iterdir()) / 1e6
    print("with the store full (three days of all edges):")
    print(f"  15 minutes of one service, {len(METRICS)} metrics: median {p50:.1f} ms, p95 {p95:.1f} ms", end="")
    print(f" (limit 30: {kept(p95 <= 30)})")
    print(f"  file: {size:.0f} MB (limit 200: {kept(size <= 200)})")


def kept(holds: bool) -> str:
    return "kept" if holds else "MISSED"


async def reading(seconds: float) -> tuple[float, float]:
    """Milliseconds of a core each second: ours and Envoy's."""
    async with Mesh() as mesh:
        services = [a_service(f"service-{number:02}") for number in range(SERVICES)]
        ports = itertools.count(FIRST_PORT)
        callers = tuple(
            Caller(name=one.name, http_proxy=None, edges=tuple(edges(index, services, ports)))
            for index, one in enumerate(services)
        )
        mesh.declare(*services, callers=callers)
        upstream = await mesh.upstream("all")
        for one in services:
            mesh.instances(one.name, upstream)
        await mesh.apply()
        addresses = [edge.bind for caller in callers for edge in caller.edges]
        for address in addresses:
            await mesh.get(address)
        assert mesh.process is not None
        envoys = await envoys_time(mesh, psutil.Process(mesh.process.pid))
        here, there = multiprocessing.get_context("spawn").Pipe()
        reader = multiprocessing.get_context("spawn").Process(
            target=read, args=(there, mesh.paths.admin_socket, mesh.home / "numbers.db", seconds)
        )
        reader.start()
        while not here.poll():
            began = time.monotonic()
            await asyncio.gather(*(mesh.get(address) for address in addresses))
            await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))
        ours: float = here.recv()
        reader.join()
    return ours, envoys


def edges(index: int, services: Sequence[MeshService], ports: Iterator[int]) -> Iterator[EdgeListener]:
    for step in range(1, CALLEES + 1):
        callee = services[(index + step) % SERVICES].name
        yield EdgeListener(callee=callee, port=8000, bind=Address(LOOPBACK, next(ports)))


async def envoys_time(mesh: Mesh, envoy: psutil.Process) -> float:
    scraper = Scraper(lambda: admin_session(mesh.paths.admin_socket), 0.1)
    reading = asyncio.ensure_future(scraper.run())
    await asyncio.sleep(1)
    before, began = busy(envoy), time.monotonic()
    await asyncio.sleep(5)
    spent, passed = busy(envoy) - before, time.monotonic() - began
    reading.cancel()
    return spent / (passed * 10) * 1000


def busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def read(answer: Connection, admin: Path, path: Path, seconds: float) -> None:
    """In a process of its own: what the supervisor does with the numbers."""

    async def run() -> None:
        recorder = Recorder(path, 1.0, print)
        await recorder.open()
        scraper = Scraper(lambda: admin_session(admin), 1.0, on_step=recorder.note)
        reading = asyncio.ensure_future(scraper.run())
        await asyncio.sleep(3)
        before, began = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        answer.send((time.process_time() - before) / (time.monotonic() - began) * 1000)
        reading.cancel()
        await recorder.close()

    asyncio.run(run())


def filled(path: Path) -> None:
    """Three days of three hundred edges that are all busy."""
    store = Store(path, print)
    now = int(time.time())
    keys = [EdgeKey(f"service-{a:02}", f"service-{(a + b) % SERVICES:02}", "v1") for a in range(100) for b in (1, 2, 3)]
    every: list[SeriesKey] = [CLOCK, *keys]
    ids = {key: store._id(key) for key in every}
    shapes = [_chunk(seed) for seed in range(40)]
    clock = _clock()
    for step, span in KEPT.items():
        length = STEPS * step
        for start in range(now - span - (now - span) % length, now, length):
            rows = [ChunkRow(id, step, start, random.choice(shapes)) for key, id in ids.items() if key != CLOCK]
            store._database.keep([*rows, ChunkRow(ids[CLOCK], step, start, clock)], store._unsaved, ())
            store._unsaved.clear()
    store.close()


def _chunk(seed: int) -> bytes:
    chosen = random.Random(seed)
    columns: Columns = {}
    for index in range(STEPS):
        requests = chosen.randint(20, 200)
        amounts = {"requests": requests, "code.200": requests - 3, "code.503": 3, "errors": 3, "retries": 2}
        amounts |= {"bytes_in": requests * 431, "bytes_out": requests * 977, "active": chosen.randint(0, 5)}
        amounts |= {"connections": 8, "out.503.UF.upstream_reset": 2, "flag.UF": 2}
        for bound in ("1", "2", "3", "4", "5", "6", "8", "10", "12", "15", "20", "25", "40", "60", "100", "200"):
            amounts[f"le.{bound}"] = chosen.randint(0, 20)
        add(columns, index, amounts)
    return pack(columns)


def _clock() -> bytes:
    columns: Columns = {}
    for index in range(STEPS):
        add(columns, index, {COVERAGE: 1000, READINGS: 1})
    return pack(columns)


def queried(path: Path) -> tuple[float, float]:
    store = Store(path, print)
    times = []
    for number in range(QUERIES):
        began = time.perf_counter()
        chosen = plan(MetricsQuery(metrics=METRICS, callee=f"service-{number % SERVICES:02}"), time.time(), 1.0)
        keys = [CLOCK, *(key for key in store.known() if chosen.fits(key))]
        found = answered(chosen, store.read(keys, chosen.start, chosen.end, chosen.kept_step, chosen.wanted()))
        times.append((time.perf_counter() - began) * 1000)
        assert any(found.series[0].values)
    store.close()
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    main()
