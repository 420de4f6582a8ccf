"""How long the command line takes to answer, beside a bare interpreter.

    python -m tests.benchmarks.cli_startup [RUNS]

Limits: `--version` and `--help` 250 ms, `ps` of a running project 350 ms.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.paths import ProjectPaths, project_id
from tests.cli.conftest import served
from tests.fakes.control import FakeControl

SANDBOX = (sys.executable, "-m", "sandbox")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        environment = {**os.environ, "SANDBOX_HOME": folder}
        paths = remembered_project(Path(folder))
        with served(FakeControl(), paths):
            commands: dict[str, Sequence[str]] = {
                "python -c pass": (sys.executable, "-c", "pass"),
                "sandbox --version": (*SANDBOX, "--version"),
                "sandbox --help": (*SANDBOX, "--help"),
                "sandbox ps": (*SANDBOX, "ps"),
            }
            report({name: measure(command, environment, runs) for name, command in commands.items()})


def remembered_project(home: Path) -> ProjectPaths:
    paths = ProjectPaths(home, project_id("bakery", home))
    paths.create()
    paths.request.write_text(json.dumps({"files": [str(home / "sandbox.yaml")]}))
    return paths


def measure(command: Sequence[str], environment: dict[str, str], runs: int) -> list[float]:
    """Milliseconds of each run, after one that warms the caches."""
    return [once(command, environment) for _ in range(runs + 1)][1:]


def once(command: Sequence[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def report(measured: dict[str, list[float]]) -> None:
    print(f"{'':<20}{'median':>10}{'worst':>10}")
    for name, times in measured.items():
        print(f"{name:<20}{statistics.median(times):>7.0f} ms{max(times):>7.0f} ms")


if __name__ == "__main__":
    main()
