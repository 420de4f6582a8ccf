"""A real Envoy with its control plane, and small services behind it, for tests."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from sandbox.model import Port, TrafficPolicy
from sandbox.paths import ProjectPaths
from sandbox.proxy import envoy
from sandbox.proxy.admin import Admin
from sandbox.proxy.bootstrap import bootstrap
from sandbox.proxy.control_plane import ControlPlane
from sandbox.proxy.sharing import Conflict, conflicts
from sandbox.proxy.topology import Address, Caller, EdgeListener, EndpointKey, MeshService, Published, Topology

LOOPBACK = "127.0.0.1"
DEADLINE = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_given: set[int] = set()


def free_port() -> int:
    """Never the same one twice, though it may not be listened on for a while."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def a_service(
    name: str,
    *,
    versions: tuple[str, ...] = ("v1",),
    ports: tuple[Port, ...] = (Port(number=8000),),
    public: bool = False,
    policy: TrafficPolicy | None = None,
) -> MeshService:
    return MeshService(name=name, versions=versions, ports=ports, public=public, policy=policy or TrafficPolicy())


def a_caller(name: str, *callees: MeshService) -> Caller:
    edges = tuple(
        EdgeListener(callee=callee.name, port=port.number, bind=Address(LOOPBACK, free_port()))
        for callee in callees
        for port in callee.ports
    )
    return Caller(name=name, http_proxy=Address(LOOPBACK, free_port()), edges=edges)


def without_conflicts(topology: Topology) -> Topology:
    """The same without the edges that can't be where they are."""
    lost = conflicts(topology)

    def kept(name: str, edges: tuple[EdgeListener, ...]) -> tuple[EdgeListener, ...]:
        return tuple(one for one in edges if Conflict(name, one.callee, one.port, one.bind) not in lost)

    callers = tuple(
        replace(one, edges=kept(one.name, one.edges), undeclared=kept(one.name, one.undeclared))
        for one in topology.callers
    )
    return replace(topology, callers=callers)


class Upstream:
    """An instance: answers every request with its name and what it saw, unless it has a handler of its own."""

    def __init__(self, name: str, handler: Handler | None = None) -> None:
        self.name = name
        self.seen: Counter[str] = Counter()  # by method
        self._handler = handler or self._echo
        self._runner: web.AppRunner | None = None
        self.address = Address(LOOPBACK, free_port())

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app, shutdown_timeout=0.1, max_field_size=1 << 20, max_line_size=1 << 20, access_log=None
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address.host, self.address.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.seen[request.method] += 1
        return await self._handler(request)

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = [[key.decode(), value.decode()] for key, value in request.raw_headers]
        return web.json_response(
            {"name": self.name, "host": request.host, "path": request.raw_path, "headers": headers, "size": len(body)}
        )


class Mesh:
    """Entered, it runs Envoy and the control plane; on exit nothing of it is left."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
        self.paths = ProjectPaths(self.home, "test")
        self.gateway = Address(LOOPBACK, free_port())
        self.topology = Topology(
            gateway=self.gateway,
            default_service=None,
            services=(),
            callers=(),
            published=(),
            outbound_socket=self.paths.outbound_socket,
        )
        self.endpoints: dict[EndpointKey, tuple[Address, ...]] = {}
        self.plane = ControlPlane(self.paths.ads_socket)
        self.admin = Admin(self.paths.admin_socket)
        self.http = ClientSession(
            connector=TCPConnector(force_close=True), max_field_size=1 << 20, max_line_size=1 << 20
        )
        self.process: subprocess.Popen[bytes] | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.paths.create()
        await self.plane.start()
        (self.paths.envoy / "bootstrap.json").write_text(json.dumps(self.bootstrap()))
        await self._stack.enter_async_context(self.http)
        await self._stack.enter_async_context(self.admin)
        await self.start_envoy()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_envoy()
        await self._stack.aclose()
        await self.plane.close()
        shutil.rmtree(self.home)

    def bootstrap(self) -> dict[str, Any]:
        return bootstrap(self.paths, "test")

    async def start_envoy(self) -> None:
        command = envoy.command(envoy.find_envoy(), self.paths.envoy / "bootstrap.json")
        with (self.home / "envoy.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        await self.plane.wait_connected(DEADLINE)

    def stop_envoy(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    async def new_plane(self) -> None:
        """Replace the control plane, as a restarted supervisor does."""
        await self.plane.close()
        self.plane = ControlPlane(self.paths.ads_socket)
        await self.plane.start()
        await self.plane.wait_connected(DEADLINE)

    async def upstream(self, name: str, handler: Handler | None = None) -> Upstream:
        upstream = Upstream(name, handler)
        await upstream.start()
        self._stack.push_async_callback(upstream.stop)
        return upstream

    def declare(
        self,
        *services: MeshService,
        callers: tuple[Caller, ...] = (),
        published: tuple[Published, ...] = (),
        parent_proxy: Address | None = None,
    ) -> None:
        default = next((service.name for service in services if service.public), None)
        self.topology = replace(
            self.topology,
            services=services,
            callers=callers,
            published=published,
            default_service=default,
            parent_proxy=parent_proxy,
        )

    def instances(self, service: str, *upstreams: Upstream | Address, version: str = "v1", port: int = 8000) -> None:
        addresses = tuple(one.address if isinstance(one, Upstream) else one for one in upstreams)
        self.endpoints[EndpointKey(service, version, port)] = addresses

    async def apply(self) -> None:
        await self.plane.apply(self.topology, dict(self.endpoints))

    def edge(self, caller: str, callee: str, port: int = 8000) -> Address:
        found = next(one for one in self.topology.callers if one.name == caller)
        return next(edge.bind for edge in found.edges if (edge.callee, edge.port) == (callee, port))

    def http_proxy(self, caller: str) -> str:
        found = next(one for one in self.topology.callers if one.name == caller)
        return f"http://{found.http_proxy}"

    async def get(self, where: Address | str, path: str = "/", **options: object) -> Answer:
        return await self.request("GET", where, path, **options)

    async def request(self, method: str, where: Address | str, path: str = "/", **options: object) -> Answer:
        url = URL(f"http://{where}{path}", encoded=True)
        async with self.http.request(method, url, **options) as response:  # type: ignore[arg-type]
            return Answer(response.status, await response.read(), tuple(response.headers.items()))


class Answer:
    def __init__(self, status: int, body: bytes, pairs: tuple[tuple[str, str], ...]) -> None:
        self.status = status
        self.body = body
        self.pairs = pairs
        self.headers = CIMultiDict(pairs)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def name(self) -> str:
        """Which upstream answered."""
        return str(json.loads(self.body)["name"])

    def seen(self, header: str) -> list[str]:
        """What the upstream got in a header, spelt exactly so."""
        return [value for key, value in json.loads(self.body)["headers"] if key == header]


async def eventually(condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
    ends = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < ends, "the condition did not come true"
        await asyncio.sleep(0.005)
