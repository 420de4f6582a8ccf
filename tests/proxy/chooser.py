"""What Envoy makes of generated policies and requests, for tests."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from aiohttp import ClientSession, TCPConnector
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from yarl import URL

from sandbox.control import RequestHead
from sandbox.errors import ProxyError
from sandbox.model import GATEWAY, TrafficPolicy
from sandbox.proxy.topology import MeshService
from tests.proxy.mesh import Mesh, Upstream, a_caller, a_service

VERSIONS = ("v1", "v2")
CALLERS = ("a", "b")
RULE_HEADER = "x-chosen"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """Where Envoy sent a request, or what it answered itself."""

    status: int
    version: str | None  # of the instance that answered
    denied: bool
    rule: str | None  # what its rule put into RULE_HEADER


class Chooser:
    """Services `s0`, `s1`, …, one for each policy, which `a` and `b` declare; all are public."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._upstreams: dict[str, Upstream] = {}
        self._http = ClientSession(connector=TCPConnector(limit=64), auto_decompress=False)

    async def close(self) -> None:
        await self._http.close()

    async def prepare(self, count: int) -> None:
        for version in VERSIONS:
            self._upstreams[version] = await self._mesh.upstream(version)
        services = [a_service(f"s{number}", versions=VERSIONS, public=True) for number in range(count)]
        self._mesh.declare(*services, callers=tuple(a_caller(name, *services) for name in CALLERS))
        for service in services:
            for version, upstream in self._upstreams.items():
                self._mesh.instances(service.name, upstream, version=version)
        await self._mesh.apply()

    async def steer(self, policies: Sequence[TrafficPolicy]) -> None:
        """ProxyError when Envoy, or we, refuse one: all stay what they were."""
        services = tuple(
            _with(service, policies[number] if number < len(policies) else TrafficPolicy())
            for number, service in enumerate(self._mesh.topology.services)
        )
        self._mesh.topology = replace(self._mesh.topology, services=services)
        await self._mesh.apply()

    async def refused_among(self, policies: Sequence[TrafficPolicy]) -> TrafficPolicy | None:
        """The first that is refused, on its own if possible."""
        for policy in policies:
            try:
                await self.steer([policy])
            except ProxyError:
                return policy
        return None

    async def choose(self, number: int, head: RequestHead) -> Choice:
        """What comes of a request to the service of a policy."""
        service = f"s{number}"
        public = head.caller == GATEWAY
        where = self._mesh.gateway if public else self._mesh.edge(head.caller, service)
        headers = {"host": f"{service}.localhost" if public else service, **head.headers}
        url = URL(f"http://{where}{head.path}", encoded=True)
        async with self._http.request(head.method, url, headers=headers, allow_redirects=False) as answer:
            body = await answer.text()
            named = next((version for version in VERSIONS if f'"name": "{version}"' in body), None)
            denied = answer.headers.get("x-sandbox-reason") == "denied"
            return Choice(answer.status, named, denied, answer.headers.get(RULE_HEADER))


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """As many examples. Shrinking them is of no use: each costs a round through Envoy."""
    found: list[T] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return found


def _with(service: MeshService, policy: TrafficPolicy) -> MeshService:
    return replace(service, policy=policy)
