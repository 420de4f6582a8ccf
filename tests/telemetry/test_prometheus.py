"""A real Prometheus, Debian's, scrapes what a real Envoy counted from a real API."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from sandbox.api.server import ApiServer
from sandbox.control import MetricsControl
from sandbox.proxy.admin import admin_session
from sandbox.tasks import Tasks
from sandbox.telemetry.numbers import Facts, Numbers
from sandbox.telemetry.recorder import Recorder
from sandbox.telemetry.scrape import Scraper
from tests.fakes import data
from tests.fakes.control import FakeControl
from tests.proxy.mesh import LOOPBACK, Mesh, a_caller, a_service, eventually, free_port

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
DEADLINE = 20.0

pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="needs Prometheus: apt install prometheus")


class Measured(FakeControl):
    """A scripted control with real numbers."""

    def __init__(self, numbers: MetricsControl) -> None:
        super().__init__()
        self._numbers = numbers

    @property
    def metrics(self) -> MetricsControl:  # type: ignore[override]
        return self._numbers


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def test_it_finds_istios_metrics(stack: AsyncExitStack, tmp_path: Path) -> None:
    mesh = await stack.enter_async_context(Mesh())
    numbers, scraper = await measured(mesh, stack)
    orders, nobody = a_service("orders"), a_service("nobody")
    mesh.declare(orders, nobody, callers=(a_caller("store", orders, nobody),))
    mesh.instances("orders", await mesh.upstream("orders"))
    await mesh.apply()
    await eventually(lambda: scraper.past._last is not None)
    for _ in range(5):
        await mesh.get(mesh.edge("store", "orders"))
    await mesh.get(mesh.edge("store", "nobody"))
    await eventually(lambda: len(scraper.past.totals) == 2)
    ui = await served(numbers, mesh, stack)

    prometheus = await scraping(ui, mesh.paths.token, tmp_path, stack)

    good = 'istio_requests_total{source_workload="store",destination_service="orders",response_code="200"}'
    bad = 'istio_requests_total{destination_service="nobody",response_code="503",response_flags="UH"}'
    p99 = "histogram_quantile(0.99,sum by(le)(istio_request_duration_milliseconds_bucket))"
    assert await answer(prometheus, good) == 5
    assert await answer(prometheus, bad) == 1
    assert 0 < await answer(prometheus, p99) < 1000


async def test_promtool_has_nothing_to_say(stack: AsyncExitStack) -> None:
    mesh = await stack.enter_async_context(Mesh())
    numbers, scraper = await measured(mesh, stack)
    mesh.declare(a_service("store", public=True))
    mesh.instances("store", await mesh.upstream("store"))
    await mesh.apply()
    await eventually(lambda: scraper.past._last is not None)
    await mesh.get(mesh.gateway)
    await eventually(lambda: len(scraper.past.totals) == 1)
    assert PROMTOOL is not None
    text = (await numbers.prometheus()).encode()

    checked = await asyncio.to_thread(
        subprocess.run, [PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False
    )

    complaints = [line for line in checked.stderr.decode().splitlines() if not line.startswith("istio_")]
    assert complaints == []  # Istio's own names break a rule of style or two


async def measured(mesh: Mesh, stack: AsyncExitStack) -> tuple[Numbers, Scraper]:
    tasks = Tasks()
    stack.push_async_callback(tasks.close)
    scraper = Scraper(lambda: admin_session(mesh.paths.admin_socket), 0.05)
    tasks.spawn(scraper.run(), name="scrape")
    facts = Facts(status=data.project, external=lambda: (), usage=lambda: ())
    return Numbers(scraper.past, Recorder(None, 1.0, print), facts), scraper


async def served(numbers: Numbers, mesh: Mesh, stack: AsyncExitStack) -> str:
    bound = socket.create_server((LOOPBACK, 0))
    api = ApiServer(Measured(numbers), project_paths=mesh.paths)
    await api.start_loopback(bound)
    stack.push_async_callback(api.close)
    return f"{LOOPBACK}:{bound.getsockname()[1]}"


async def scraping(target: str, token: Path, folder: Path, stack: AsyncExitStack) -> str:
    """Where Prometheus answers that scrapes as the README says."""
    job = {
        "job_name": "sandbox",
        "scrape_interval": "200ms",
        "scrape_timeout": "200ms",
        "authorization": {"credentials_file": str(token)},
        "static_configs": [{"targets": [target]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    address = f"{LOOPBACK}:{free_port()}"
    assert PROMETHEUS is not None
    process = await asyncio.create_subprocess_exec(
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def end() -> None:
        process.kill()
        await process.wait()

    stack.push_async_callback(end)
    return f"http://{address}"


async def answer(prometheus: str, query: str) -> float:
    """Of a query, as soon as it has one."""
    url = f"{prometheus}/api/v1/query?query={urllib.parse.quote(query)}"
    async with aiohttp.ClientSession() as session, asyncio.timeout(DEADLINE):
        while not (found := await _asked(session, url)):
            await asyncio.sleep(0.05)
    return float(found[0]["value"][1])


async def _asked(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    try:
        async with session.get(url) as response:
            if response.status != 200:
                return []
            found: list[dict[str, Any]] = json.loads(await response.read())["data"]["result"]
            return found
    except aiohttp.ClientError:
        return []
