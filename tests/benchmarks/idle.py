"""What a running project costs while nobody uses it: supervisor, shim and Envoy.

    python -m tests.benchmarks.idle [SECONDS [SERVICES]]

The bakery, or so many small services of which each calls the next. Limits over a minute: 1 % of a core for up to 20
services, and 200 MB of resident memory for the bakery, all three together.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil

from tests.benchmarks.project import BAKERY, Project, project
from tests.integration.harness import SERVICE

SETTLES_IN = 15.0


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder, project(many(Path(folder), count) if count else BAKERY) as bakery:
        bakery.up()
        processes = bakery.machinery()
        touch(bakery)
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


def touch(app: Project) -> None:
    """Call each public service once, so that Envoy has something to tell of it."""
    for service in app.ps()["services"]:
        if service["url"]:
            host, gateway = service["url"].partition("//")[2].rstrip("/"), app.ps()["gateway"]
            request = urllib.request.Request(gateway, headers={"Host": host})
            with suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
                answer.read()


def many(folder: Path, count: int) -> Path:
    """An app of so many services. Each was called once, as after a first look around."""
    app = folder / "many"
    services = {}
    for number in range(count):
        (app / f"s{number}").mkdir(parents=True)
        (app / f"s{number}" / "app.py").write_text(SERVICE)
        calls = [f"s{number + 1}"] if number + 1 < count else []
        services[f"s{number}"] = {"build": f"./s{number}", "ports": ["8000"], "public": True, "depends_on": calls}
    (app / "sandbox.yaml").write_text(json.dumps({"name": "many", "services": services}))
    return app


def busy(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
