"""Topology and endpoints -> snapshot. Pure but for its memory of the last result.

The work is cut into parts (a service, a caller, an endpoint set, …) and each part is made again only when what it is
made of has changed, so one flipped endpoint among a thousand services costs one endpoint set.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from envoy.config.route.v3.route_components_pb2 import VirtualHost

from sandbox.errors import ProxyError
from sandbox.model import GATEWAY, AppProtocol, Port
from sandbox.proxy import names
from sandbox.proxy.clusters import outbound_cluster, outside_cluster, service_cluster
from sandbox.proxy.endpoints import assignment, endpoints_of
from sandbox.proxy.listeners import edge_listener, gateway_listener, outbound_listener, proxy_listener, tcp_listener
from sandbox.proxy.names import ALL_VERSIONS, SEPARATOR, ClusterName
from sandbox.proxy.policy import Callee, Target, check_policy
from sandbox.proxy.resource import Resource, Resources, by_name
from sandbox.proxy.routes import (
    GATEWAY_ROUTES,
    edge_routes,
    gateway_routes,
    http_ports,
    outbound_routes,
    service_hosts,
)
from sandbox.proxy.snapshot import Snapshot, check_consistent
from sandbox.proxy.topology import Address, Caller, EndpointKey, Endpoints, MeshService, Topology, protocol_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The resources that one service, caller or listener contributes."""

    clusters: tuple[Resource, ...] = ()
    listeners: tuple[Resource, ...] = ()
    routes: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ByName:
    """What the outbound listener knows of a service: how undeclared callers reach it, and all callers by its name."""

    clusters: tuple[Resource, ...]
    hosts: tuple[VirtualHost, ...]


class Memory:
    """Results of the last round by key, each kept as long as its input stays equal."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[Any, Any]] = {}
        self._next: dict[Hashable, tuple[Any, Any]] = {}

    def get(self, key: Hashable, given: Any, make: Callable[[], T]) -> T:
        known = self._last.get(key)
        entry = known if known is not None and known[0] == given else (given, make())
        self._next[key] = entry
        made: T = entry[1]
        return made

    def turn(self) -> None:
        """End a round: forget what it did not ask for."""
        self._last, self._next = self._next, {}


class Builder:
    """Builds snapshots in a row. `build` of a fresh one gives the same result, only slower."""

    def __init__(self) -> None:
        self._parts = Memory()
        self._sets = Memory()
        self._last: tuple[Topology, tuple[Callee, ...], Snapshot] | None = None

    def build(self, topology: Topology, endpoints: Endpoints) -> Snapshot:
        """ProxyError when the topology contradicts itself; the builder then stays as it was."""
        callees = tuple(_callee(service, endpoints) for service in topology.services)
        assignments = self._assignments(topology, endpoints)
        if self._last is not None and self._last[0] == topology and self._last[1] == callees:
            last = self._last[2]
            snapshot = Snapshot(
                clusters=last.clusters,
                endpoints=_same_names(last.endpoints, assignments),
                listeners=last.listeners,
                routes=last.routes,
            )
        else:
            snapshot = self._whole(topology, {callee.service.name: callee for callee in callees}, assignments)
            check_consistent(snapshot)
        self._last = (topology, callees, snapshot)
        return snapshot

    def _assignments(self, topology: Topology, endpoints: Endpoints) -> dict[str, Resource]:
        found = {
            name: self._sets.get(name, addresses, lambda name=name, addresses=addresses: assignment(name, addresses))  # type: ignore[misc]
            for service in topology.services
            for name, addresses in endpoints_of(service, endpoints)
        }
        self._sets.turn()
        return found

    def _whole(self, topology: Topology, callees: dict[str, Callee], assignments: dict[str, Resource]) -> Snapshot:
        for service in topology.services:
            _check_names(service)
            check_policy(service)
        parts: list[Part] = [
            self._gateway(topology, callees),
            *(self._caller(caller, callees) for caller in topology.callers),
            *(self._published(topology, callees)),
            self._outbound(topology, callees),
        ]
        self._parts.turn()
        clusters = by_name([one for part in parts for one in part.clusters])
        return Snapshot(
            clusters=clusters,
            endpoints=_referred_to(clusters, assignments),
            listeners=by_name([one for part in parts for one in part.listeners]),
            routes=by_name([one for part in parts for one in part.routes]),
        )

    def _gateway(self, topology: Topology, callees: dict[str, Callee]) -> Part:
        public = tuple(callee for callee in callees.values() if callee.service.public and http_ports(callee))
        shown = {callee.service.name for callee in public}
        private = tuple(name for name in callees if name not in shown)
        default = next((one for one in public if one.service.name == topology.default_service), None)
        given = (topology.gateway, public, private, default)
        return self._parts.get(GATEWAY_ROUTES, given, lambda: _gateway_part(topology.gateway, public, private, default))

    def _caller(self, caller: Caller, callees: dict[str, Callee]) -> Part:
        needed = tuple(_known(edge.callee, callees, caller.name) for edge in caller.edges)
        return self._parts.get(("caller", caller.name), (caller, needed), lambda: _caller_part(caller, needed))

    def _published(self, topology: Topology, callees: dict[str, Callee]) -> Iterable[Part]:
        for one in topology.published:
            callee = _known(one.service, callees, "a published port")
            name = names.published_name(one.service, one.port)
            yield self._parts.get(
                name,
                (one, callee),
                lambda one=one, callee=callee, name=name: _edge_part(name, GATEWAY, callee, one.port, one.bind),  # type: ignore[misc]
            )

    def _outbound(self, topology: Topology, callees: dict[str, Callee]) -> Part:
        callers = _callers_by_callee(topology)
        services = [self._by_name(callee, tuple(callers.get(callee.service.name, ()))) for callee in callees.values()]
        given = (topology.outbound_socket, topology.parent_proxy, tuple(services))
        return self._parts.get(names.OUTBOUND, given, lambda: _outbound_part(topology, services))

    def _by_name(self, callee: Callee, callers: tuple[tuple[str, Address], ...]) -> ByName:
        key = ("by name", callee.service.name)
        return self._parts.get(key, (callee, callers), lambda: _named_part(callee, callers))


def _referred_to(clusters: Resources, assignments: Resources) -> Resources:
    """Envoy asks for the endpoints of the clusters that it has, and of no other."""
    wanted: dict[str, bool] = {}
    for cluster in clusters.values():
        for name in cluster.refers_to:
            wanted[name] = wanted.get(name, True) and cluster.on_demand
    return {name: _asked_for(one, wanted[name]) for name, one in assignments.items() if name in wanted}


def _same_names(last: Resources, assignments: Resources) -> Resources:
    return {name: _asked_for(assignments[name], one.on_demand) for name, one in last.items()}


def _asked_for(one: Resource, on_demand: bool) -> Resource:
    return replace(one, on_demand=True) if on_demand else one


def build(topology: Topology, endpoints: Endpoints) -> Snapshot:
    return Builder().build(topology, endpoints)


def _callee(service: MeshService, endpoints: Endpoints) -> Callee:
    """A version without instances is passed over where the policy leaves the choice to us."""
    if len(service.versions) == 1:
        return Callee(service, service.versions)
    ready = tuple(
        version
        for version in service.versions
        if any(endpoints.get(EndpointKey(service.name, version, port.number)) for port in service.ports)
    )
    return Callee(service, ready or service.versions)


def _gateway_part(bind: Address, public: tuple[Callee, ...], private: tuple[str, ...], default: Callee | None) -> Part:
    targets = {one.service.name: Target(GATEWAY, one, http_ports(one)[0]) for one in public}
    chosen = targets[default.service.name] if default is not None else None
    return Part(
        clusters=tuple(
            cluster for one in public for cluster in _clusters(GATEWAY, one, targets[one.service.name].port)
        ),
        listeners=(gateway_listener(GATEWAY_ROUTES, bind),),
        routes=(gateway_routes(tuple(targets.values()), private, chosen, bind.port),),
    )


def _caller_part(caller: Caller, needed: tuple[Callee, ...]) -> Part:
    edges = [
        _edge_part(names.edge_name(caller.name, edge.callee, edge.port), caller.name, callee, edge.port, edge.bind)
        for edge, callee in zip(caller.edges, needed, strict=True)
    ]
    by_service = {callee.service.name: callee for callee in needed}
    proxy = _proxy_part(caller, caller.http_proxy, by_service.values()) if caller.http_proxy else Part()
    return Part(
        clusters=tuple(one for part in (*edges, proxy) for one in part.clusters),
        listeners=tuple(one for part in (*edges, proxy) for one in part.listeners),
        routes=tuple(one for part in (*edges, proxy) for one in part.routes),
    )


def _proxy_part(caller: Caller, bind: Address, callees: Iterable[Callee]) -> Part:
    """The clusters of all ports, declared as an edge or not, that can be named there."""
    return Part(
        clusters=tuple(
            one for callee in callees for port in http_ports(callee) for one in _clusters(caller.name, callee, port)
        ),
        listeners=(proxy_listener(names.proxy_name(caller.name), bind),),
    )


def _edge_part(name: str, caller: str, callee: Callee, port: int, bind: Address) -> Part:
    clusters = _clusters(caller, callee, port)
    if _protocol(callee.service, port) is AppProtocol.TCP:
        return Part(clusters=clusters, listeners=(tcp_listener(name, clusters[0].name, bind),))
    return Part(
        clusters=clusters,
        listeners=(edge_listener(name, bind),),
        routes=(edge_routes(name, Target(caller, callee, port)),),
    )


def _outbound_part(topology: Topology, services: list[ByName]) -> Part:
    hosts = [host for service in services for host in service.hosts]
    clusters = tuple(one for service in services for one in service.clusters)
    parent = topology.parent_proxy
    return Part(
        clusters=(outbound_cluster(topology.outbound_socket), outside_cluster(parent), *clusters),
        listeners=(outbound_listener(topology.outbound_socket, resolves=parent is None),),
        routes=(outbound_routes(hosts, tuple(one.name for one in clusters), through_parent=parent is not None),),
    )


def _named_part(callee: Callee, callers: tuple[tuple[str, Address], ...]) -> ByName:
    clusters = tuple(one for port in http_ports(callee) for one in _clusters(None, callee, port))
    return ByName(clusters, tuple(service_hosts(callee, callers)))


def _callers_by_callee(topology: Topology) -> dict[str, list[tuple[str, Address]]]:
    found: dict[str, list[tuple[str, Address]]] = {}
    for caller in topology.callers:
        if caller.http_proxy is not None:
            for callee in dict.fromkeys(edge.callee for edge in caller.edges):
                found.setdefault(callee, []).append((caller.name, caller.http_proxy))
    return found


def _clusters(caller: str | None, callee: Callee, port: int) -> tuple[Resource, ...]:
    service, protocol = callee.service, _protocol(callee.service, port)
    versions = (ALL_VERSIONS,) if protocol is AppProtocol.TCP else service.versions
    return tuple(service_cluster(ClusterName(caller, service.name, version, port), protocol) for version in versions)


def _protocol(service: MeshService, port: int) -> AppProtocol:
    try:
        return protocol_of(service, port)
    except KeyError:
        raise ProxyError(f"has no port {port}", place=service.name, hint=_declared(service.ports)) from None


def _declared(ports: tuple[Port, ...]) -> str:
    return f"it declares {', '.join(str(port.number) for port in ports)}" if ports else "it declares no ports"


def _known(name: str, callees: dict[str, Callee], wanted_by: str) -> Callee:
    if name not in callees:
        raise ProxyError(f"{wanted_by} refers to service {name!r}, which does not exist")
    return callees[name]


def _check_names(service: MeshService) -> None:
    for name in (service.name, *service.versions):
        if not name or SEPARATOR in name or name == ALL_VERSIONS:
            raise ProxyError(f"{name!r} can't be a name here", place=service.name, hint=f"leave out {SEPARATOR!r}")
