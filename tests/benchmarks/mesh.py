"""Container → container through the mesh, beside the same two containers on a plain network of the engine's.

    eval "$(.ci/engine --variables)"; python -m tests.benchmarks.mesh [ROUNDS] [host | container]

Limit: at 8 connections ≥ 0.75 × the requests per second. Both take turns, and ratios are taken pair by pair. The second
argument says where Envoy runs.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.runtime.docker.images import image_for
from tests.benchmarks.engine import docker_command, environment
from tests.benchmarks.gateway import Load, kept, make_app, measure
from tests.benchmarks.project import project

IMAGE = "sandbox-bench/wrk"
NETWORK = "sandbox-bench"

DOCKERFILE = """\
FROM {base}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk
"""

SERVE = "python -m uvicorn app:app --host 0.0.0.0 --port 8000 --log-level warning"

FILE = """\
name: mesh
docker: {{proxy: {proxy}}}
services:
  caller:
    image: {image}
    command: ["sleep", "100000"]
    depends_on: [shop]
  shop:
    build: ./shop
    command: {serve}
    ports: ["8000"]
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    proxy = sys.argv[2] if len(sys.argv) > 2 else "host"
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        app = make_app(Path(folder) / "mesh")
        (app / "sandbox.yaml").write_text(FILE.format(proxy=proxy, image=IMAGE, serve=SERVE))
        with project(app, runtime="docker") as mesh:
            mesh.up()
            containers = {one["id"]: one["container"] for one in mesh.instances()}
            image = docker_command("inspect", "-f", "{{.Image}}", containers["shop-v1-1"])
            with plain(image) as beside:
                report(measured(containers["caller-v1-1"], beside, rounds), proxy)
            mesh.sandbox("down", "--purge")


def measured(caller: str, beside: str, rounds: int) -> list[tuple[Load, Load]]:
    ways = [("docker", "exec", beside), ("docker", "exec", caller)]
    for way in ways:
        measure("http://shop:8000/", 8, *way, env=environment())  # warms both
    pairs = []
    for _ in range(rounds):
        direct, through = (measure("http://shop:8000/", 8, *way, env=environment()) for way in ways)
        pairs.append((direct, through))
    return pairs


def build(folder: Path) -> None:
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=image_for("python", {}, os.environ)))
    docker_command("build", "--network", "host", "--quiet", "--tag", IMAGE, str(folder))


@contextmanager
def plain(image: str) -> Iterator[str]:
    """The same two containers, with the engine's own means alone: the caller's id."""
    limits = ["--init", "--network", NETWORK, "--cap-drop", "ALL"]
    docker_command("network", "create", NETWORK)
    try:
        shop = docker_command("run", "-d", *limits, "--network-alias", "shop", image, *SERVE.split())
        caller = docker_command("run", "-d", *limits, IMAGE, "sleep", "100000")
        try:
            yield caller
        finally:
            docker_command("rm", "-f", shop, caller)
    finally:
        docker_command("network", "rm", NETWORK)


def report(pairs: list[tuple[Load, Load]], proxy: str) -> None:
    print(f"8 connections, Envoy on the {proxy}" if proxy == "host" else "8 connections, Envoy in a container")
    print(f"{'':<10}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for index, name in enumerate(("direct", "mesh")):
        loads = [pair[index] for pair in pairs]
        middle = [statistics.median(getattr(load, field) for load in loads) for field in ("rps", "p50", "p99")]
        print(f"{name:<10}{middle[0]:>9.0f}{middle[1]:>9.2f}{middle[2]:>9.2f}")
    rps = statistics.median(through.rps / direct.rps for direct, through in pairs)
    print(f"requests: {rps:.2f} × (≥ 0.75: {kept(rps >= 0.75)})")


if __name__ == "__main__":
    main()
