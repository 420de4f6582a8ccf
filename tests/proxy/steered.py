"""A service whose traffic is steered, and who calls it, for tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

from aiohttp import web

from sandbox.model import GATEWAY, BackendRef, MeshSettings, Port, Rule, TrafficPolicy
from sandbox.proxy.topology import Address
from tests.proxy.mesh import Answer, Handler, Mesh, Upstream, a_caller, a_service

PORTS = (Port(number=8000),)


def only(version: str) -> tuple[BackendRef, ...]:
    return (BackendRef(version=version),)


def split(**weights: int) -> tuple[BackendRef, ...]:
    return tuple(BackendRef(version=version, weight=weight) for version, weight in weights.items())


@dataclass
class Steered:
    """`steamer`, which `store` and `till` declare and `thief` does not; it is public too."""

    mesh: Mesh
    upstreams: dict[str, Upstream] = field(default_factory=dict)

    async def set(self, policy: TrafficPolicy, *, versions: tuple[str, ...] | None = None) -> None:
        """Steer by this from now on; callers keep their addresses."""
        old = next((one for one in self.mesh.topology.services if one.name == "steamer"), None)
        assert old is not None
        service = replace(old, policy=policy, versions=versions or old.versions)
        self.mesh.topology = replace(self.mesh.topology, services=(service, *self.mesh.topology.services[1:]))
        await self.mesh.apply()

    def where(self, caller: str = "store") -> Address:
        return self.mesh.gateway if caller == GATEWAY else self.mesh.edge(caller, "steamer")

    async def ask(self, path: str = "/", *, method: str = "GET", caller: str = "store", **options: object) -> Answer:
        return await self.mesh.request(method, self.where(caller), path, **options)

    async def ask_by_name(self, path: str = "/", *, caller: str, **options: object) -> Answer:
        return await self.mesh.get("steamer", path, proxy=self.mesh.http_proxy(caller), **options)

    async def statuses(self, count: int, *, at_once: int = 16, **options: object) -> Counter[int]:
        gate = asyncio.Semaphore(at_once)

        async def one() -> int:
            async with gate:
                return (await self.ask(**options)).status  # type: ignore[arg-type]

        return Counter(await asyncio.gather(*(one() for _ in range(count))))

    async def counter(self, name: str) -> int:
        return int((await self.mesh.admin.stats(_quoted(name))).get(name, 0))

    async def cluster(self, metric: str, *, caller: str = "store", version: str = "v1", guarded: bool = False) -> int:
        return await self.counter(f"cluster.edge|{caller}|steamer|{version}|8000{'~' if guarded else ''}.{metric}")


async def steered(
    mesh: Mesh,
    policy: TrafficPolicy | None = None,
    *rules: Rule,
    versions: tuple[str, ...] = ("v1",),
    handlers: dict[str, Handler] | None = None,
    ports: tuple[Port, ...] = PORTS,
    settings: MeshSettings | None = None,
) -> Steered:
    """Each version has an instance, which answers by its name or by a handler."""
    service = a_service(
        "steamer", versions=versions, ports=ports, public=True, policy=policy or TrafficPolicy(rules=rules)
    )
    callers = (a_caller("store", service), a_caller("till", service), a_caller("thief"))
    mesh.declare(service, callers=callers)
    mesh.topology = replace(mesh.topology, mesh=settings or MeshSettings())
    stage = Steered(mesh)
    for version in versions:
        upstream = await mesh.upstream(version, (handlers or {}).get(version))
        stage.upstreams[version] = upstream
        mesh.instances("steamer", upstream, version=version)
    await mesh.apply()
    return stage


async def failing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="mine")


async def forever(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def _quoted(name: str) -> str:
    return "^" + "".join(f"\\{char}" if char in "|.~*+?()[]{}^$" else char for char in name) + "$"
