"""Topology and endpoints -> snapshot. Pure but for its memory of the last result.

The work is cut into parts (a service, a caller, an endpoint set, …) and each part is made again only when what it is
made of has changed, so one flipped endpoint among a thousand services costs one endpoint set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from sandbox.errors import ProxyError
from sandbox.proxy import names
from sandbox.proxy.endpoints import assignment, endpoints_of
from sandbox.proxy.guard import guards
from sandbox.proxy.inbound import Inbound, passes_inbound
from sandbox.proxy.names import ALL_VERSIONS, SEPARATOR
from sandbox.proxy.parts import (
    ByName,
    ChainPart,
    Part,
    Proxied,
    Way,
    by_name_part,
    caller_part,
    chain_part,
    edge_part,
    gateway_part,
    inbound_part,
    inbound_service,
    named_part,
    outbound_part,
    published_part,
    relay_part,
    shared_part,
    tunnel_part,
    way,
)
from sandbox.proxy.policy import check_policy
from sandbox.proxy.resource import Resource, Resources, by_name
from sandbox.proxy.routes import GATEWAY_ROUTES, http_ports
from sandbox.proxy.sharing import Chain, shared_addresses
from sandbox.proxy.snapshot import Snapshot, check_consistent
from sandbox.proxy.target import Around, Callee, Target, callers_named
from sandbox.proxy.topology import Address, Caller, EdgeListener, EndpointKey, Endpoints, MeshService, Topology

T = TypeVar("T")

MOST_NAMED = 400
"""Pairs of a caller and a service that are told apart only to name who is refused: each is a cluster."""


class Memory:
    """Results of the last round by key, each kept as long as its input stays equal."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[Any, Any]] = {}
        self._next: dict[Hashable, tuple[Any, Any]] = {}

    def get(self, key: Hashable, given: Any, make: Callable[[], T]) -> T:
        known = self._next.get(key) or self._last.get(key)
        entry = known if known is not None and known[0] == given else (given, make())
        self._next[key] = entry
        made: T = entry[1]
        return made

    def turn(self) -> None:
        """End a round: forget what it did not ask for."""
        self._last, self._next = self._next, {}


class Builder:
    """Builds snapshots in a row. `build` of a fresh one gives the same result, only slower, and without the clusters
    that are kept for requests which an earlier policy sent on their way."""

    def __init__(self) -> None:
        self._parts = Memory()
        self._sets = Memory()
        self._guarded: set[str] = set()  # services that ever were
        self._last: tuple[Topology, tuple[Callee, ...], Snapshot] | None = None

    def build(self, topology: Topology, endpoints: Endpoints) -> Snapshot:
        """ProxyError when the topology contradicts itself; the builder then stays as it was."""
        around = _around(topology)
        callees = tuple(self._callee(service, endpoints, around) for service in topology.services)
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

    def _callee(self, service: MeshService, endpoints: Endpoints, around: Around) -> Callee:
        was_guarded = service.name in self._guarded
        if not was_guarded and guards(service.policy):
            self._guarded.add(service.name)
        return _callee(service, endpoints, around, was_guarded)

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
        shared = shared_addresses(topology.callers)
        parts: list[Part] = [
            self._gateway(topology, callees),
            *(self._caller(caller, shared, callees) for caller in topology.callers),
            *(self._shared(bind, chains, callees, topology.nobody) for bind, chains in shared.items()),
            *self._published(topology, callees),
            *self._relays(topology),
            self._outbound(topology, callees),
            self._inbound(_around(topology), callees),
            *self._tunnels(topology, callees),
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
        given = (topology.gateway, topology.ingress_source, public, private, default)
        return self._parts.get(GATEWAY_ROUTES, given, lambda: gateway_part(*given))

    def _caller(self, caller: Caller, shared: Collection[Address], callees: dict[str, Callee]) -> Part:
        """Edge by edge: of a caller with a hundred of them, a changed policy concerns one."""
        own = [edge for edge in caller.edges if edge.bind not in shared]
        known = {edge.callee: _known(edge.callee, callees, caller.name) for edge in caller.edges}
        edges = tuple(self._edge(caller.name, edge, known[edge.callee]) for edge in own)
        named = tuple(self._named(caller.name, callee) for callee in known.values()) if caller.http_proxy else ()
        given = (caller, edges, named)
        return self._parts.get(("caller", caller.name), given, lambda: caller_part(*given))

    def _edge(self, caller: str, edge: EdgeListener, callee: Callee) -> Part:
        given = (caller, edge, callee)
        return self._parts.get(("edge", caller, edge.callee, edge.port), given, lambda: edge_part(*given))

    def _named(self, caller: str, callee: Callee) -> tuple[Resource, ...]:
        given = (caller, callee)
        return self._parts.get(("named", caller, callee.service.name), given, lambda: named_part(*given))

    def _shared(
        self, bind: Address, chains: tuple[Chain, ...], callees: dict[str, Callee], nobody: tuple[str, ...]
    ) -> Part:
        made = tuple(self._chain(bind, chain, callees) for chain in chains)
        return self._parts.get(names.shared_name(bind), (*made, nobody), lambda: shared_part(bind, made, nobody))

    def _chain(self, bind: Address, chain: Chain, callees: dict[str, Callee]) -> ChainPart:
        given = (bind, chain, tuple(self._ways(chain, callees)))
        return self._parts.get(names.chain_name(chain.caller, bind), given, lambda: chain_part(*given))

    def _ways(self, chain: Chain, callees: dict[str, Callee]) -> Iterator[Way]:
        """Undeclared ones are the same for all callers that nobody names, and so made once."""
        seen: set[str] = set()
        for index, edge in enumerate(chain.edges):
            callee, declared = _known(edge.callee, callees, chain.caller), index < len(chain.declared)
            known = declared or callee.around.declared_only or chain.caller in callers_named(callee.service.policy)
            caller = chain.caller if known else None
            given = (Target(caller, callee, edge.port, declared=declared), edge.callee not in seen)
            seen.add(edge.callee)
            key = ("way", caller, edge.callee, edge.port, given[1])
            yield self._parts.get(key, given, lambda given=given: way(*given))  # type: ignore[misc]

    def _published(self, topology: Topology, callees: dict[str, Callee]) -> Iterator[Part]:
        for one in topology.published:
            given = (one, _known(one.service, callees, "a published port"), topology.ingress_source)
            name = names.published_name(one.service, one.port)
            yield self._parts.get(name, given, lambda given=given: published_part(*given))  # type: ignore[misc]

    def _relays(self, topology: Topology) -> Iterator[Part]:
        for relay in topology.relays:
            yield self._parts.get(names.relay_name(relay.name), relay, lambda relay=relay: relay_part(relay))  # type: ignore[misc]

    def _outbound(self, topology: Topology, callees: dict[str, Callee]) -> Part:
        callers = _callers_by_callee(topology)
        services = [self._by_name(callee, callers(callee.service)) for callee in callees.values()]
        given = (topology.outbound_socket, topology.parent_proxy, topology.mesh, tuple(services))
        return self._parts.get(names.OUTBOUND, given, lambda: outbound_part(topology, services))

    def _by_name(self, callee: Callee, callers: tuple[Proxied, ...]) -> ByName:
        key = ("by name", callee.service.name)
        return self._parts.get(key, (callee, callers), lambda: by_name_part(callee, callers))

    def _inbound(self, around: Around, callees: dict[str, Callee]) -> Part:
        services = tuple(self._inbound_service(callee) for callee in callees.values() if passes_inbound(callee))
        return self._parts.get(names.INBOUND, (around, services), lambda: inbound_part(around, services))

    def _inbound_service(self, callee: Callee) -> Inbound:
        return self._parts.get(("inbound", callee.service.name), callee, lambda: inbound_service(callee))

    def _tunnels(self, topology: Topology, callees: dict[str, Callee]) -> Iterator[Part]:
        for callee in callees.values() if topology.parent_proxy is not None else ():
            if callee.service.external is not None:
                key = names.tunnel_name(callee.service.name)
                yield self._parts.get(key, callee, lambda callee=callee: tunnel_part(callee))  # type: ignore[misc]


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


def _around(topology: Topology) -> Around:
    return Around(
        inbound_socket=topology.inbound_socket,
        breaking_socket=topology.breaking_socket,
        parent_proxy=topology.parent_proxy,
        ca_bundle=topology.ca_bundle,
        declared_only=topology.mesh.declared_only,
    )


def _callee(service: MeshService, endpoints: Endpoints, around: Around, was_guarded: bool) -> Callee:
    """A version without instances is passed over where another one can take its share."""
    if len(service.versions) == 1:
        return Callee(service, service.versions, around, was_guarded)
    ready = tuple(
        version
        for version in service.versions
        if any(endpoints.get(EndpointKey(service.name, version, port.number)) for port in service.ports)
    )
    return Callee(service, ready or service.versions, around, was_guarded)


def _callers_by_callee(topology: Topology) -> Callable[[MeshService], tuple[Proxied, ...]]:
    """Who is known where services are called by name: those that declare one, and those that its policy names. Where
    only declared calls are allowed the others are known too, so that who is refused is named, unless they are many."""
    proxies = {one.name: one.http_proxy for one in topology.callers if one.http_proxy is not None}
    pairs = len(proxies) * len(topology.services)
    everybody = frozenset(proxies if topology.mesh.declared_only and pairs <= MOST_NAMED else ())
    declared: dict[str, list[str]] = {}
    for caller in topology.callers:
        for callee in dict.fromkeys(edge.callee for edge in caller.edges):
            declared.setdefault(callee, []).append(caller.name)

    def callers(service: MeshService) -> tuple[Proxied, ...]:
        own = dict.fromkeys(declared.get(service.name, ()), True)
        named = {name: False for name in sorted(callers_named(service.policy) | everybody) if name not in own}
        return tuple(
            Proxied(name, proxy, known)
            for name, known in {**own, **named}.items()
            if (proxy := proxies.get(name)) is not None
        )

    return callers


def _known(name: str, callees: dict[str, Callee], wanted_by: str) -> Callee:
    if name not in callees:
        raise ProxyError(f"{wanted_by} refers to service {name!r}, which does not exist")
    return callees[name]


def _check_names(service: MeshService) -> None:
    for name in (service.name, *service.versions):
        if not name or SEPARATOR in name or name == ALL_VERSIONS:
            raise ProxyError(f"{name!r} can't be a name here", place=service.name, hint=f"leave out {SEPARATOR!r}")
