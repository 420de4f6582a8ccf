"""What the Docker runtime costs beside the engine itself.

    eval "$(.ci/engine --variables)"; python -m tests.benchmarks.containers [RUNS]

Limits (medians, each beside its reference in the same run): `up -d` of the bakery with its images built ≤ 1.0 × the
same containers by `docker run` one after another; adding one service to ten ≤ 1.5 × one `docker run`; `down` of ten
services that end on SIGTERM ≤ 2 s.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

from sandbox.api.client import Client
from sandbox.control import Status, UpRequest
from sandbox.paths import ProjectPaths
from sandbox.runtime.docker.images import image_for
from tests.benchmarks.engine import docker_command
from tests.benchmarks.project import BAKERY, Project, project

SLEEPER = """\
  {name}:
    image: {image}
    command: ["sleep", "1000"]
    init: true
"""


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        bakery = of_the_bakery(runs)
        ten = of_ten(Path(folder), runs)
    report(bakery, ten)


def of_the_bakery(runs: int) -> dict[str, list[float]]:
    """Seconds of `up`, of its containers by hand, and of `down`."""
    found: dict[str, list[float]] = {"up": [], "by hand": [], "down": []}
    with project(BAKERY, runtime="docker") as bakery:
        bakery.up()
        containers = [run_of(one["container"]) for one in bakery.instances()]
        bakery.down()
        for _ in range(runs):
            found["by hand"].append(in_series(containers))
            found["up"].append(bakery.up())
            found["down"].append(bakery.down())
        bakery.sandbox("down", "--purge")
    return found


def of_ten(folder: Path, runs: int) -> dict[str, list[float]]:
    """Seconds of one service more (from the request to the supervisor until it is healthy, and of the whole command),
    of one container by hand, and of ending all."""
    image = image_for("python", {}, os.environ)
    found: dict[str, list[float]] = {"one more": [], "command": [], "by hand": [], "down": []}
    app = folder / "ten"
    app.mkdir()
    write(app, image, 10)
    with project(app, runtime="docker") as ten:
        for _ in range(runs):
            write(ten.app, image, 10)
            ten.up()
            found["by hand"].append(in_series([["--init", image, "sleep", "1000"]]))
            write(ten.app, image, 11)
            found["one more"].append(asyncio.run(apply(ten)))
            write(ten.app, image, 10)
            ten.up()
            write(ten.app, image, 11)
            found["command"].append(ten.up())
            write(ten.app, image, 10)
            ten.up()
            found["down"].append(ten.down())
    return found


def write(app: Path, image: str, count: int) -> None:
    services = "".join(SLEEPER.format(name=f"s{number}", image=image) for number in range(count))
    (app / "sandbox.yaml").write_text(f"name: ten\nservices:\n{services}")


async def apply(ten: Project) -> float:
    """Seconds from the request until all is healthy."""
    (state,) = (ten.home / "projects").iterdir()
    async with Client(ProjectPaths(ten.home, state.name).api_socket) as control:
        began = time.perf_counter()
        await control.apply(UpRequest(files=(str(ten.app / "sandbox.yaml"),), runtime="docker"))
        while any(one.status is not Status.HEALTHY for one in (await control.status()).services):
            await asyncio.sleep(0.01)
        return time.perf_counter() - began


def run_of(container: str) -> list[str]:
    """The arguments of a `docker run` that starts the same."""
    with_client: Any = docker.APIClient(version="auto")
    details = with_client.inspect_container(container)
    with_client.close()
    host, config = details["HostConfig"], details["Config"]
    limits = ["--memory", str(host["Memory"]), "--pids-limit", str(host["PidsLimit"]), "--init"]
    safety = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]
    variables = [word for one in config["Env"] for word in ("-e", one)]
    return [*limits, *safety, *variables, config["Image"], *(config["Cmd"] or [])]


def in_series(runs: list[list[str]]) -> float:
    """Seconds for all of them, removed afterwards."""
    began = time.perf_counter()
    started = [docker_command("run", "-d", *arguments) for arguments in runs]
    took = time.perf_counter() - began
    docker_command("rm", "-f", *started)
    return took


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the pairs'."""
    return statistics.median([a / b for a, b in zip(ours, theirs, strict=True)])


def report(bakery: dict[str, list[float]], ten: dict[str, list[float]]) -> None:
    median: Callable[[list[float]], float] = statistics.median
    print(f"{'':<44}{'median':>9}{'worst':>9}")
    for name, times in (
        ("bakery: docker run, one after another", bakery["by hand"]),
        ("bakery: sandbox up -d", bakery["up"]),
        ("bakery: sandbox down", bakery["down"]),
        ("one docker run", ten["by hand"]),
        ("one service more than ten: until healthy", ten["one more"]),
        ("one service more than ten: sandbox up -d", ten["command"]),
        ("ten services: sandbox down", ten["down"]),
    ):
        print(f"{name:<44}{median(times):>7.2f} s{max(times):>7.2f} s")
    ratios = (
        ("up / by hand", ratio(bakery["up"], bakery["by hand"]), 1.0, "×"),
        ("one more / one docker run", ratio(ten["one more"], ten["by hand"]), 1.5, "×"),
        ("down of ten", median(ten["down"]), 2.0, "s"),
    )
    for name, value, limit, unit in ratios:
        print(f"{name:<30}{value:>6.2f} {unit}   limit {limit:g} {unit}: {'kept' if value <= limit else 'MISSED'}")


if __name__ == "__main__":
    main()
