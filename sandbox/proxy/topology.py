"""What the proxy must serve, as data: the input of `resources`.

The gateway takes requests from outside; each caller (a service that calls others) has listeners of its own, so the
proxy knows who is calling: one for every declared callee port (`EdgeListener`), and one HTTP proxy
(`HTTP_PROXY`) that finds callees by host name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.model import AppProtocol, External, MeshSettings, Port, TrafficPolicy


@dataclass(frozen=True, slots=True, order=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshService:
    name: str
    versions: tuple[str, ...]
    ports: tuple[Port, ...]  # empty: it can't be called
    public: bool = False
    external: External | None = None  # a host outside instead of instances
    policy: TrafficPolicy = field(default_factory=TrafficPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeListener:
    """Where one caller reaches one port of one callee.

    Several edges may share an address: callers are then told apart by their `source`, and the callees of one caller
    by the host name of the request.
    """

    callee: str
    port: int  # as the callee declares it
    bind: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    name: str
    http_proxy: Address | None
    edges: tuple[EdgeListener, ...]
    undeclared: tuple[EdgeListener, ...] = ()  # reachable by name, though not declared
    source: str | None = None  # the range (CIDR) it calls from; None: it alone knows its addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A declared port of a service, open to the host: `ports: ["18000:8000"]`. The caller is the gateway."""

    service: str
    port: int
    bind: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Bytes handed on from instances to a server of ours, such as the OTLP receiver."""

    name: str
    bind: Address
    to: Address
    sources: tuple[str, ...]  # ranges (CIDR) that may use it


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    gateway: Address
    default_service: str | None  # answers on hosts the gateway does not know
    services: tuple[MeshService, ...]
    callers: tuple[Caller, ...]
    published: tuple[Published, ...]
    outbound_socket: Path  # where the callers' HTTP proxies hand on what no declared edge covers
    parent_proxy: Address | None = None  # the user's own HTTP proxy for hosts outside, when there is one
    relays: tuple[Relay, ...] = ()
    mesh: MeshSettings = field(default_factory=MeshSettings)
    ca_bundle: Path | None = None  # whom external hosts are trusted by, where Envoy finds it; None: there are none
    ingress_source: str | None = None  # the range (CIDR) from which gateway and published ports may be used; None: any

    nobody: tuple[str, ...] = ()  # addresses that are refused wherever callers are told apart, whatever range has them

    @property
    def inbound_socket(self) -> Path:
        """Where edges hand on what is decided for all callers together."""
        return self.outbound_socket.with_name("inbound.sock")

    @property
    def breaking_socket(self) -> Path:
        """Where requests are handed whose connection is to break off."""
        return self.outbound_socket.with_name("breaking.sock")


@dataclass(frozen=True, slots=True, order=True)
class EndpointKey:
    """One version of one service on one of its declared ports."""

    service: str
    version: str
    port: int


Endpoints = Mapping[EndpointKey, tuple[Address, ...]]
"""The instances that take traffic. A missing key means none."""


def protocol_of(service: MeshService, port: int) -> AppProtocol:
    """KeyError when the service declares no such port."""
    for declared in service.ports:
        if declared.number == port:
            return declared.protocol
    raise KeyError(port)
