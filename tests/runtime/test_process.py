"""What the process driver does beyond the contract."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import NotRunningError, RuntimeFailure
from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, InstanceSpec, Workload
from sandbox.runtime.client import ShimClient
from sandbox.runtime.environment import base_environment
from sandbox.runtime.expand import expand
from sandbox.runtime.launch import launch
from sandbox.runtime.logfile import last_lines
from sandbox.runtime.process import ProcessDriver
from tests.runtime.home import SHELL_ENVIRONMENT, alive, until

SERVER = """
import os
from http.server import HTTPServer, SimpleHTTPRequestHandler
server = HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), SimpleHTTPRequestHandler)
print("listening on", os.environ["PORT"])
server.serve_forever()
"""


@pytest.fixture
async def driver(paths: ProjectPaths) -> AsyncIterator[ProcessDriver]:
    launch(paths)
    opened = ProcessDriver(paths)
    await opened.open()
    yield opened
    await opened.close()


def workload(context: Path, command: tuple[str, ...] | None = None, image: str | None = None) -> Workload:
    version = Version(
        name="v1",
        build=None if image else Build(context=context),
        image=image,
        command=command,
        healthcheck=Healthcheck(probe=NoProbe()),
    )
    return Workload(service="orders", version=version, ports=())


def instance(artifact: Artifact, **environment: str) -> InstanceSpec:
    given = {**base_environment(os.environ), **artifact.environment, **environment}
    return InstanceSpec(
        id="orders-v1-1",
        index=1,
        workload=workload(artifact.cwd),
        artifact=artifact,
        environment=given,
        log_max_bytes=1024 * 1024,
    )


def sh(script: str, cwd: Path) -> InstanceSpec:
    spec = instance(Artifact(fingerprint="1", argv=("sh", "-c", script), cwd=cwd))
    return replace(spec, environment=SHELL_ENVIRONMENT)


async def test_from_a_folder_to_an_answer(
    driver: ProcessDriver, paths: ProjectPaths, tmp_path: Path, unused_tcp_port: int
) -> None:
    (tmp_path / "app.py").write_text(SERVER)
    (tmp_path / "bun.txt").write_text("a bun")
    artifact = await driver.prepare(workload(tmp_path), print)
    await driver.start(instance(artifact, PORT=str(unused_tcp_port), HOST="127.0.0.1"))
    log = paths.logs / "orders-v1-1.log"
    await until(lambda: last_lines(log, 1) == [f"listening on {unused_tcp_port}"])  # at once: output is not buffered
    url = f"http://127.0.0.1:{unused_tcp_port}/bun.txt"
    assert await asyncio.to_thread(lambda: urllib.request.urlopen(url).read()) == b"a bun"


async def test_a_start_that_was_given_up_leaves_nothing_when_it_comes_after_all(
    driver: ProcessDriver, paths: ProjectPaths, tmp_path: Path
) -> None:
    shim = await driver._shim.ping()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShimClient._ask, "__defaults__", (0.1,))
        os.kill(shim, signal.SIGSTOP)
        try:
            with pytest.raises(RuntimeFailure, match="has not answered within"):
                await driver.start(sh("exec sleep 60", tmp_path))
            await asyncio.sleep(0)
        finally:
            os.kill(shim, signal.SIGCONT)
    assert await driver.running() == ()
    await driver.stop("orders-v1-1", 0.0)
    assert (await driver.start(sh("exec sleep 60", tmp_path))).pid


async def test_the_same_folder_has_the_same_fingerprint(driver: ProcessDriver, tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    first, second = [await driver.prepare(workload(tmp_path), print) for _ in range(2)]
    other = await driver.prepare(workload(tmp_path, ("python", "app.py", "-v")), print)
    assert first == second
    assert other.fingerprint != first.fingerprint


async def test_an_image_needs_docker(driver: ProcessDriver, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="the image postgres:17 needs the Docker runtime") as failure:
        await driver.prepare(workload(tmp_path, image="postgres:17"), print)
    assert failure.value.hint


@pytest.mark.parametrize(
    ("program", "hint"),
    [("uvicorn", "add uvicorn to requirements.txt"), ("pip", "requirements.txt"), ("no-such-thing", "spelling")],
)
async def test_a_missing_program_comes_with_a_next_step(
    driver: ProcessDriver, tmp_path: Path, program: str, hint: str
) -> None:
    artifact = Artifact(fingerprint="1", argv=(program,), cwd=tmp_path)
    spec = replace(instance(artifact), environment={"PATH": "/nowhere"})
    with pytest.raises(RuntimeFailure) as failure:
        await driver.start(spec)
    assert hint in failure.value.hint


async def test_cancelling_a_start_leaves_nothing(driver: ProcessDriver, paths: ProjectPaths, tmp_path: Path) -> None:
    starting = asyncio.ensure_future(driver.start(sh("exec sleep 60", tmp_path)))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    shim = await ShimClient.connect(paths.shim_socket)
    async with asyncio.timeout(5):
        while await driver.running():
            await asyncio.sleep(0.01)
    assert await shim.list() == ()
    await shim.close()


async def test_closing_leaves_instances_running(driver: ProcessDriver, tmp_path: Path) -> None:
    running = await driver.start(sh("exec sleep 60", tmp_path))
    await driver.close()
    assert alive(running.pid or 0)


async def test_without_a_shim_it_can_not_open(paths: ProjectPaths) -> None:
    with pytest.raises(NotRunningError):
        await ProcessDriver(paths).open()


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("$PORT", "8000"),
        ("$HOST:$PORT", "127.0.0.1:8000"),
        ("--bind=${HOST}:${PORT}", "--bind=127.0.0.1:8000"),
        ("$PORT_9000", "8001"),
        ("$PORT_1", "$PORT_1"),
        ("$PORTAL", "$PORTAL"),
        ("$HOME", "$HOME"),
        ("plain", "plain"),
    ],
)
def test_addresses_are_put_in(word: str, expanded: str) -> None:
    assert expand(word, {"HOST": "127.0.0.1", "PORT": "8000", "PORT_9000": "8001", "HOME": "/root"}) == expanded


@given(st.text(max_size=50))
def test_nothing_else_is_expanded(word: str) -> None:
    assert expand(word, {}) == word
