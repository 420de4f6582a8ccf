"""What traces cost: the receiver by itself, and throughput of the gateway by how much is traced.

    python -m tests.benchmarks.traces [ROUNDS]

Limits: 5,000 spans a second kept without loss for 10 s; with the default sampling ≥ 0.85 × the requests a second of
none, with every request traced ≥ 0.6 ×. The three take turns, and ratios are taken round by round.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from sandbox.telemetry.otlp_signals import PROTOBUF, SIGNALS, read
from sandbox.telemetry.traces.service import TraceService
from sandbox.telemetry.traces.story import Limits
from tests.benchmarks.gateway import Load, direct_and_gateway, have_wrk, kept, make_app, measure
from tests.benchmarks.project import project
from tests.telemetry.traces.test_service import request

SPANS_A_SECOND, SECONDS, BATCH = 5000, 10, 100
BATCHES = SPANS_A_SECOND * SECONDS // BATCH
MODES = ("off", "20", "all")
_SETTLES = 1.5  # seconds from the command to the load


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    asyncio.run(ingest())
    have_wrk()
    with tempfile.TemporaryDirectory() as folder, project(make_app(Path(folder) / "one")) as one:
        one.up()
        _, gateway = direct_and_gateway(one)
        measure(gateway, 8)  # warms it
        loads: list[dict[str, Load]] = []
        for _ in range(rounds):
            loads.append({})
            for mode in MODES:
                one.sandbox("trace", "--sample", mode)
                time.sleep(_SETTLES)
                loads[-1][mode] = measure(gateway, 8)
    report(loads)


async def ingest() -> None:
    """A sender at a steady pace, against the service alone."""
    with tempfile.TemporaryDirectory() as folder:
        service = TraceService(
            Path(folder) / "traces.db",
            sample=lambda *_: None,
            instance_at=lambda _: None,
            limits_of=lambda *_: Limits(),
            complain=print,
        )
        await service.open()
        process = psutil.Process()
        bodies = [request(BATCH, f"{number:032x}").SerializeToString() for number in range(1, BATCHES + 1)]
        rss, cpu, began = process.memory_info().rss, sum(process.cpu_times()[:2]), time.perf_counter()
        rejected = 0
        for number, body in enumerate(bodies):
            rejected += service.arrived(read(SIGNALS["traces"], body, PROTOBUF)).rejected
            await asyncio.sleep(max(0.0, began + (number + 1) * BATCH / SPANS_A_SECOND - time.perf_counter()))
        took, cpu = time.perf_counter() - began, sum(process.cpu_times()[:2]) - cpu
        await service.close()
        now = await service.sampling()
        grown = (process.memory_info().rss - rss) / (1 << 20)
    held = not rejected and not now.dropped
    print(
        f"{SPANS_A_SECOND} spans a second for {took:.0f} s: {now.dropped} dropped (none: {kept(held)}), "
        f"{cpu / took * 100:.0f} % of a core with reading them off the wire, {grown:+.0f} MB"
    )


def report(loads: list[dict[str, Load]]) -> None:
    print(f"{'traced':<10}{'req/s':>9}{'p99 ms':>9}{'ratio':>8}")
    for mode in MODES:
        rps = statistics.median(one[mode].rps for one in loads)
        p99 = statistics.median(one[mode].p99 for one in loads)
        ratio = statistics.median(one[mode].rps / one["off"].rps for one in loads)
        limit = {"20": 0.85, "all": 0.6}.get(mode)
        print(
            f"{mode:<10}{rps:>9.0f}{p99:>9.2f}{ratio:>8.2f}"
            + (f"  (≥ {limit}: {kept(ratio >= limit)})" if limit else "")
        )


if __name__ == "__main__":
    main()
