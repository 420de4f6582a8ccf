"""Steps against a client that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from sandbox.errors import ProxyError
from sandbox.proxy.control_plane import ControlPlane
from sandbox.proxy.resource import Kind
from sandbox.proxy.subscription import Request
from sandbox.proxy.topology import Address, Topology
from tests.proxy.mesh import LOOPBACK, a_service

_NAMED = {Kind.CLUSTER: Kind.ENDPOINTS, Kind.LISTENER: Kind.ROUTES}
"""Of what a client gets it asks for what that refers to."""


class Client:
    """Wants everything, and answers what it has been sent when told to `catch_up`."""

    def __init__(self, plane: ControlPlane) -> None:
        self.has: defaultdict[Kind, dict[str, str]] = defaultdict(dict)
        self._plane = plane
        self._session = plane.opened(asyncio.Event())
        for kind in (Kind.CLUSTER, Kind.LISTENER):
            self._say(kind, Request(subscribe=("*",)))

    def catch_up(self) -> None:
        while responses := list(self._session.responses()):
            for response in responses:
                had = self.has[response.kind]
                had.update({one.name: one.version for one in response.resources})
                for name in response.removed:
                    had.pop(name, None)
                if response.kind in _NAMED:
                    wanted = tuple(name for one in response.resources for name in one.refers_to)
                    self._say(_NAMED[response.kind], Request(subscribe=wanted))
                self._say(response.kind, Request(nonce=response.nonce))

    @property
    def serves(self) -> dict[Kind, dict[str, str]]:
        """Endpoints of clusters that are gone it forgets by itself."""
        return {kind: dict(self.has[kind]) for kind in (Kind.CLUSTER, Kind.LISTENER, Kind.ROUTES)}

    def _say(self, kind: Kind, request: Request) -> None:
        self._plane.heard(self._session[kind].receive(request))


def topology(*names: str) -> Topology:
    return Topology(
        gateway=Address(LOOPBACK, 8080),
        default_service=names[0],
        services=tuple(a_service(name, public=True) for name in names),
        callers=(),
        published=(),
        outbound_socket=Path("/run/out.sock"),
    )


async def everything(what: Topology) -> dict[Kind, dict[str, str]]:
    """What a client has that comes when all is known."""
    plane = ControlPlane(Path("/run/ads.sock"))
    await plane.apply(what, {})
    client = Client(plane)
    client.catch_up()
    return client.serves


async def test_what_was_not_answered_in_time_is_gone_on_with_once_it_is() -> None:
    plane = ControlPlane(Path("/run/ads.sock"), accepts_within=0.01)
    first, then = topology("shop", "orders"), topology("shop", "pantry")
    await plane.apply(first, {})
    client = Client(plane)
    client.catch_up()

    with pytest.raises(ProxyError, match="did not accept its new cluster"):
        await plane.apply(then, {})
    assert client.serves == await everything(first)
    client.catch_up()

    assert client.serves == await everything(then)
