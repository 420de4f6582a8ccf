"""Gateway → service beside the same service called directly.

    python -m tests.benchmarks.gateway [ROUNDS]

Limits: at 8 connections ≥ 0.8 × the requests per second and ≤ 1.5 × the p99; at 1 connection ≤ 0.5 ms more at the
median. Direct and through the gateway take turns, and ratios are taken pair by pair.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.project import Project, project

SECONDS = 4

APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"buns": 1}'})
"""

FILE = """\
name: one
services:
  shop:
    build: ./shop
    command: python -m uvicorn app:app --host 127.0.0.1 --port $$PORT --log-level warning
    ports: ["8000"]
    public: true
"""


@dataclass(frozen=True)
class Load:
    """What wrk found; times are milliseconds."""

    rps: float
    p50: float
    p99: float


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    have_wrk()
    with tempfile.TemporaryDirectory() as folder, project(make_app(Path(folder) / "one")) as one:
        one.up()
        urls = direct_and_gateway(one)
        for url in urls:
            measure(url, 8)  # warms both
        pairs = {
            connections: [tuple(measure(url, connections) for url in urls) for _ in range(rounds)]
            for connections in (8, 1)
        }
    report(pairs)


def make_app(folder: Path) -> Path:
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "app.py").write_text(APP)
    (folder / "shop" / "requirements.txt").write_text("uvicorn>=0.30\n")
    (folder / "sandbox.yaml").write_text(FILE)
    return folder


def direct_and_gateway(one: Project) -> tuple[str, str]:
    ps = one.ps()
    return f"http://{ps['services'][0]['instances'][0]['address']}/", f"{ps['gateway']}/"


def have_wrk() -> None:
    """From Debian's packages, where this user may install them."""
    if shutil.which("wrk") is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=True, stdout=subprocess.DEVNULL)
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")


def measure(url: str, connections: int, *within: str, env: Mapping[str, str] | None = None) -> Load:
    """`within`: a command that runs others elsewhere, such as in a container."""
    command = [*within, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"requests failed:\n{said}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert found is not None
    return Load(float(found[1]), percentile(said, 50), percentile(said, 99))


def percentile(said: str, number: int) -> float:
    found = re.search(rf"^\s+{number}%\s+([0-9.]+)(us|ms|s)$", said, re.MULTILINE)
    assert found is not None
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def report(pairs: dict[int, list[tuple[Load, ...]]]) -> None:
    print(f"{'connections':<14}{'':<10}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for connections, rows in pairs.items():
        for index, name in enumerate(("direct", "gateway")):
            loads = [row[index] for row in rows]
            middle = [statistics.median(getattr(load, field) for load in loads) for field in ("rps", "p50", "p99")]
            print(f"{connections:<14}{name:<10}{middle[0]:>9.0f}{middle[1]:>9.2f}{middle[2]:>9.2f}")
    rps = statistics.median(gateway.rps / direct.rps for direct, gateway in pairs[8])
    p99 = statistics.median(gateway.p99 / direct.p99 for direct, gateway in pairs[8])
    more = statistics.median(gateway.p50 - direct.p50 for direct, gateway in pairs[1])
    print(f"8 connections, requests: {rps:.2f} × (≥ 0.8: {kept(rps >= 0.8)})")
    print(f"8 connections, p99: {p99:.2f} × (≤ 1.5: {kept(p99 <= 1.5)})")
    print(f"1 connection: {more:+.2f} ms at the median (≤ +0.5: {kept(more <= 0.5)})")


def kept(limit_holds: bool) -> str:
    return "kept" if limit_holds else "MISSED"


if __name__ == "__main__":
    main()
