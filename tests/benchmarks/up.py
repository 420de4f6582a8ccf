"""How long the bakery takes from `sandbox up -d` to healthy, beside its slowest service started by hand.

    python -m tests.benchmarks.up [RUNS]

Limit, with warm caches: 1.5 × the slowest service's bare start + 1 s.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping

from tests.benchmarks.project import BAKERY, command_of, project

Command = tuple[list[str], str, Mapping[str, str]]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with project(BAKERY) as bakery:
        bakery.up()
        commands = {instance["id"]: command_of(instance["pid"]) for instance in bakery.instances()}
        bakery.down()
        bare: dict[str, list[float]] = {name: [] for name in commands}
        ups, downs = [], []
        for _ in range(runs):
            for name, command in commands.items():
                bare[name].append(start_by_hand(command))
            ups.append(bakery.up())
            downs.append(bakery.down())
    report(bare, ups, downs)


def start_by_hand(command: Command) -> float:
    """Seconds until it answers its health check, with nothing else starting."""
    argv, folder, environment = command
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    old = environment["PORT"]
    began = time.perf_counter()
    process = subprocess.Popen(
        [word.replace(old, str(port)) for word in argv],
        cwd=folder,
        env={**environment, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(f"http://127.0.0.1:{port}/healthz"):
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def report(bare: Mapping[str, list[float]], ups: list[float], downs: list[float]) -> None:
    medians = {name: statistics.median(times) for name, times in bare.items()}
    slowest = max(medians, key=lambda name: medians[name])
    limit = 1.5 * medians[slowest] + 1.0
    up = statistics.median(ups)
    print(f"{'':<36}{'median':>9}{'worst':>9}")
    print(f"{'bare start of ' + slowest:<36}{medians[slowest]:>7.2f} s{max(bare[slowest]):>7.2f} s")
    print(f"{'sandbox up -d':<36}{up:>7.2f} s{max(ups):>7.2f} s")
    print(f"{'sandbox down':<36}{statistics.median(downs):>7.2f} s{max(downs):>7.2f} s")
    print(f"limit 1.5 × bare + 1 s = {limit:.2f} s: {'kept' if up <= limit else 'MISSED'}")


if __name__ == "__main__":
    main()
