"""What a running bakery costs while nobody uses it: supervisor, shim and Envoy.

    python -m tests.benchmarks.idle [SECONDS]

Limits over a minute: 1 % of a core and 200 MB of resident memory, all three together.
"""

from __future__ import annotations

import sys
import time

import psutil

from tests.benchmarks.project import BAKERY, project

SETTLES_IN = 15.0


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with project(BAKERY) as bakery:
        bakery.up()
        processes = bakery.machinery()
        time.sleep(SETTLES_IN)
        before = {name: busy(process) for name, process in processes.items()}
        time.sleep(seconds)
        share = {name: (busy(process) - before[name]) / seconds * 100 for name, process in processes.items()}
        memory = {name: process.memory_info().rss / 1e6 for name, process in processes.items()}
    print(f"{'':<14}{'CPU':>9}{'memory':>11}")
    for name in processes:
        print(f"{name:<14}{share[name]:>7.2f} %{memory[name]:>8.0f} MB")
    cpu, rss = sum(share.values()), sum(memory.values())
    print(f"{'together':<14}{cpu:>7.2f} %{rss:>8.0f} MB")
    print(f"limits 1 % and 200 MB: {'kept' if cpu <= 1 and rss <= 200 else 'MISSED'}")


def busy(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
